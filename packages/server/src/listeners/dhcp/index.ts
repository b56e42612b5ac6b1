export { createDhcpListener } from './listener.js';
export { defaultDhcpSettings } from './settings.js';
export type {
  DhcpDecision,
  DhcpDoor,
  DhcpEvent,
  DhcpListener,
  DhcpListenerDeps,
  DhcpObservation,
  DhcpPoolSettings,
  DhcpSettings,
  LeaseStore,
} from './types.js';
export { systemTimers, type Timers } from '../udp/timers.js';
export type { ListenerLog } from '../udp/log.js';
export { ListenError } from '../udp/bind-error.js';
export type { RefusedAddress } from '../udp/addresses.js';
