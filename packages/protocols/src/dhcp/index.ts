export { decodeBoardRevision, type BoardRevision, type PiModel } from './board-revision.js';
export { isRaspberryPiClient, raspberryPiMenu, type BootAnswer } from './boot-fields.js';
export {
  broadcastFlag,
  decodeDhcp,
  encodeDhcp,
  hardwareAddress,
  type DhcpDecoded,
  type DhcpDecodeError,
  type DhcpMessage,
} from './codec.js';
export { answerLease, type LeaseAnswer, type LeaseRequest } from './full.js';
export { anyAddress, ipv4FromBytes, ipv4FromNumber, ipv4ToBytes, ipv4ToNumber, limitedBroadcast } from './ipv4.js';
export { checkLeaseSettings, type Lease, type LeaseSettings, type LeaseTable } from './lease-table.js';
export {
  messageType,
  option,
  readAddress,
  readMessageType,
  readText,
  readU16,
  readU32,
  readU8,
  type DhcpOptions,
  type MessageTypeName,
} from './options.js';
export { proxyOffer, type ProxyPolicy, type ProxyReply } from './proxy.js';
export { raspberryPiOuis, recognise, type ClientKind, type Recognised } from './recognise.js';
export { replyRoute, type ReplyRoute } from './reply.js';
