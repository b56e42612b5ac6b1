export { createLogAssembler, defaultLogLimits, type LogAssembler, type LogLimits, type LogLine } from './assembler.js';
export { decodeLog, type KernelRecord, type LogDatagram } from './datagram.js';
export { harmless } from './text.js';
