import type { Fault } from '../fault.js';
import { dhcpFaults } from './dhcp.js';
import { fileFaults } from './files.js';
import { linkFaults } from './link.js';
import { serverFaults } from './server.js';
import { serviceFaults } from './services.js';
import { simulationFaults } from './simulation.js';

/** Every fault the doctor can name, from the cable upwards. */
export const faults: readonly Fault[] = [
  ...linkFaults,
  ...dhcpFaults,
  ...fileFaults,
  ...serviceFaults,
  ...serverFaults,
  ...simulationFaults,
];
