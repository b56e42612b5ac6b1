/** The pure half: what was seen becomes what is wrong. No sockets, no clock, nothing of Node: a dashboard may use it as well. The probes are in `./probes`. */
export { diagnose } from './diagnose.js';
export { evidenceText } from './evidence.js';
export type { Fault, Found } from './fault.js';
export { faults } from './faults/index.js';
