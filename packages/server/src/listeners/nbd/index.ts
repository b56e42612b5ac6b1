export { createNbdListener } from './listener.js';
export { defaultNbdSettings, type NbdSettings, type NbdTlsSettings } from './settings.js';
export type { NbdClosedEvent, NbdListener, NbdListenerDeps, NbdOpenedEvent, NbdPeer, NbdTraffic } from './types.js';
export { systemTimers, type Timers } from '../udp/timers.js';
export type { ListenerLog } from '../udp/log.js';
