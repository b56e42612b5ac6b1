import { dhcpFaults } from './verdict-faults-dhcp.js';
import { fileFaults } from './verdict-faults-files.js';
import { systemFaults } from './verdict-faults-system.js';
import type { Fault } from './verdict.js';

/** In order: the first whose trace is there is the verdict. What the board itself said is surer than what it did not ask for. */
export const faults: readonly Fault[] = [...systemFaults, ...fileFaults, ...dhcpFaults];
