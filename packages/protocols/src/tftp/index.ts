export {
  decodeTftp,
  encodeTftp,
  errorCode,
  maxRequestBytes,
  opcode,
  type TftpDecoded,
  type TftpDecodeError,
  type TftpOption,
  type TftpPacket,
  type TftpRequest,
} from './codec.js';
export { normaliseTftpPath, type TftpPath } from './path.js';
export {
  defaultTftpLimits,
  planTransfer,
  refuseRequest,
  type TftpLimits,
  type TftpPlan,
  type TftpPlanned,
} from './plan.js';
export { createSender, type SenderAction, type SenderCounters, type TftpOutcome, type TftpSender } from './sender.js';
