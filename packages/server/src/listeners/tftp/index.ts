export { createTftpListener } from './listener.js';
export { defaultTftpSettings } from './settings.js';
export type {
  TftpFile,
  TftpListener,
  TftpListenerDeps,
  TftpOpened,
  TftpOpenRequest,
  TftpPeer,
  TftpSettings,
  TftpTransferEvent,
} from './types.js';
export { systemTimers, type Timers } from '../udp/timers.js';
export type { ListenerLog } from '../udp/log.js';
export { ListenError } from '../udp/bind-error.js';
export type { RefusedAddress } from '../udp/addresses.js';
