import type { DiskExport, ExportDirectory } from '../../app/disks/ports.js';
import type { ListenerLog } from '../udp/log.js';
import type { Timers } from '../udp/timers.js';
import type { NbdSettings } from './settings.js';

export interface NbdPeer {
  readonly address: string;
  readonly port: number;
}

/** What one connection moved. */
export interface NbdTraffic {
  readonly readRequests: number;
  readonly readBytes: number;
  readonly writeRequests: number;
  readonly writtenBytes: number;
  /** FLUSH, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS. */
  readonly otherRequests: number;
  /** Requests of any kind that were answered with an error. */
  readonly failedRequests: number;
}

/** A client has entered the transmission phase. */
export interface NbdOpenedEvent {
  readonly connection: number;
  readonly peer: NbdPeer;
  readonly export: DiskExport;
  readonly tls: boolean;
}

/** ... and is gone. */
export interface NbdClosedEvent extends NbdOpenedEvent {
  readonly traffic: NbdTraffic;
  /** From its connection on, in milliseconds. */
  readonly ms: number;
  /** `disconnect`: it said so. `lost`: the connection went without a word. */
  readonly by: 'disconnect' | 'lost' | 'cut-off' | 'ended';
  /** Why it was cut off or ended by us. */
  readonly reason?: string;
}

export interface NbdListenerDeps {
  readonly settings: NbdSettings;
  readonly exports: ExportDirectory;
  readonly timers: Timers;
  readonly log: ListenerLog;
  /** Must not throw. */
  onOpened?(event: NbdOpenedEvent): void;
  /** A client has sent requests since it was told of last, or since it was opened: once a second at most. Must not throw. */
  onActive?(connection: number): void;
  /** Must not throw. The export is closed already. */
  onClosed?(event: NbdClosedEvent): void;
}

export interface NbdListener {
  /** Listens. Rejects with a `ListenError` when an address cannot be bound. `signal` stops it. */
  start(signal: AbortSignal): Promise<void>;
  /** Answers what is under way, closes every connection and every export. Clients may connect to the next server. */
  stop(): Promise<void>;
  /** Where it listens, with the real port when 0 was asked for. */
  addresses(): readonly NbdPeer[];
  /** Connections now: in their handshake, and serving. */
  active(): { readonly handshakes: number; readonly serving: number };
  /** Of the connections that are open now, so far. One that ended is in its `onClosed` and no longer here. */
  traffic(): NbdTraffic;
}
