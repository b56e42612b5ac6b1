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
export { shapeExtents } from './block-status.js';
export {
  dataChunkHeaderBytes,
  encodeBlockStatusChunk,
  encodeErrorChunk,
  holeChunkBytes,
  putDataChunkHeader,
  putHoleChunk,
  putNoneChunk,
  putSimpleReply,
  chunkHeaderBytes,
  simpleReplyBytes,
  type NbdExtent,
} from './replies.js';
export { createRequestParser, requestHeaderBytes, type NbdParsed, type NbdRequestParser } from './request-parser.js';
export { refuseRequest, rulesOf, type NbdRefusal, type NbdRules } from './request-rules.js';
