/** The half that looks: probes over real sockets, each bounded in time, and the order in which they are made. */
export { examine, type ExamineOptions, type Further, type Progress } from './examine.js';
export { playedModels, simulate, type SimulateOptions } from './simulate.js';
export type { Card, Probed, ProbeContext } from './probe.js';
