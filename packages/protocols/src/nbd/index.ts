export {
  allocationFlag,
  baseAllocation,
  chunkType,
  command,
  commandFlag,
  errno,
  handshakeFlag,
  infoType,
  optionReply,
  optionType,
  replyFlag,
  transmissionFlag,
  type NbdErrorName,
} from './constants.js';
export { faultOfExport, transmissionFlags, type NbdBlockSize, type NbdExportInfo } from './export-info.js';
export { createHandshake, defaultHandshakeLimits } from './handshake.js';
export type {
  NbdExportAnswer,
  NbdHandshake,
  NbdHandshakeLimits,
  NbdHandshakeSettings,
  NbdHandshakeStep,
  NbdListedExport,
  NbdRefusalReason,
  NbdSession,
} from './handshake-types.js';
