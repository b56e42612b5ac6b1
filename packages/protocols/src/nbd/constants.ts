/**
 * Numbers of the NBD protocol, from doc/proto.md of NetworkBlockDevice/nbd, section "Values".
 * Names are the specification's without their prefix.
 */

/** 64-bit magic numbers as two halves. */
export const magic = {
  /** `NBDMAGIC`, the first thing a server says. */
  init: [0x4e42444d, 0x41474943],
  /** `IHAVEOPT`: newstyle, and the head of each option. */
  option: [0x49484156, 0x454f5054],
  optionReply: [0x0003e889, 0x045565a9],
} as const;

/** 32-bit magic numbers of the transmission phase. */
export const requestMagic = 0x25609513;
export const simpleReplyMagic = 0x67446698;
export const structuredReplyMagic = 0x668e33ef;

/** "Handshake flags" and "Client flags": the same two bits. */
export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

/** "Transmission flags". */
export const transmissionFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  rotational: 1 << 4,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  sendDf: 1 << 7,
  canMultiConn: 1 << 8,
  sendCache: 1 << 10,
  sendFastZero: 1 << 11,
} as const;

/** "Option types". */
export const optionType = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

/** "Option reply types". Errors have bit 31 set. */
export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  errUnsup: 2 ** 31 + 1,
  errPolicy: 2 ** 31 + 2,
  errInvalid: 2 ** 31 + 3,
  errPlatform: 2 ** 31 + 4,
  errTlsReqd: 2 ** 31 + 5,
  errUnknown: 2 ** 31 + 6,
  errShutdown: 2 ** 31 + 7,
  errBlockSizeReqd: 2 ** 31 + 8,
  errTooBig: 2 ** 31 + 9,
} as const;

/** Information types of NBD_REP_INFO. */
export const infoType = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

/** "Request types". */
export const command = {
  read: 0,
  write: 1,
  disc: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

/** "Command flags". */
export const commandFlag = { fua: 1, noHole: 2, df: 4, reqOne: 8, fastZero: 16 } as const;

/** "Structured reply flags". */
export const replyFlag = { done: 1 } as const;

/** "Structured reply types". Errors have bit 15 set. */
export const chunkType = {
  none: 0,
  offsetData: 1,
  offsetHole: 2,
  blockStatus: 5,
  error: 2 ** 15 + 1,
  errorOffset: 2 ** 15 + 2,
} as const;

/** "Error values". */
export const errno = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const;

/** An error the protocol can tell a client. */
export type NbdErrorName = keyof typeof errno;

/** Flags of the metadata context `base:allocation`. */
export const allocationFlag = { hole: 1, zero: 2 } as const;

/** The one metadata context the specification defines. */
export const baseAllocation = 'base:allocation';
