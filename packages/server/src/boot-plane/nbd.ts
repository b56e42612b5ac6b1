import type { NewEntry } from '../app/boot/plane/ports.js';
import type { Exports } from '../app/disks/plane/exports.js';
import type { Settings } from '../config.js';
import {
  createNbdListener,
  defaultNbdSettings,
  systemTimers,
  type ListenerLog,
  type NbdClosedEvent,
  type NbdListener,
  type NbdListenerDeps,
  type NbdTlsSettings,
} from '../listeners/nbd/index.js';

interface NbdDeps {
  readonly settings: Settings['boot']['nbd'];
  readonly tls: NbdTlsSettings | undefined;
  readonly exports: Exports;
  /** Puts an entry on the timeline of a session. */
  readonly note: (session: string, entry: NewEntry) => void;
  /** The board of that session uses a disk. */
  readonly heard: (session: string) => void;
  /** For /metrics. */
  readonly counted: (event: NbdClosedEvent) => void;
  readonly log: ListenerLog;
}

/** Joins the listener for block devices to the disks boards may have, and to the timelines of their boots. */
export function createNbd({ settings, tls, exports, note, heard, counted, log }: NbdDeps): NbdListener {
  /** By connection: whose boot it belongs to. */
  const sessions = new Map<number, string>();
  const opened: NbdListenerDeps['onOpened'] = ({ connection, peer, export: disk }) => {
    const session = exports.sessionOf(connection);
    if (session === undefined) return;
    sessions.set(connection, session);
    note(session, { type: 'disk.attached', disk: disk.label, address: peer.address, readOnly: disk.readOnly });
  };
  const active: NbdListenerDeps['onActive'] = (connection) => {
    const session = sessions.get(connection);
    if (session !== undefined) heard(session);
  };
  const closed: NbdListenerDeps['onClosed'] = (event) => {
    counted(event);
    const session = sessions.get(event.connection);
    if (session === undefined) return;
    sessions.delete(event.connection);
    const { readBytes, writtenBytes } = event.traffic;
    note(session, {
      type: 'disk.detached',
      ...{ disk: event.export.label, address: event.peer.address, readBytes, writtenBytes, by: event.by },
      ms: Math.round(event.ms),
      ...(event.reason === undefined ? {} : { detail: event.reason }),
    });
  };
  return createNbdListener({
    settings: {
      ...defaultNbdSettings,
      listen: settings.listen,
      ...(tls === undefined ? {} : { tls }),
      connections: settings.maxConnections,
      connectionsPerAddress: settings.maxConnectionsPerAddress,
    },
    exports,
    timers: systemTimers,
    log,
    onOpened: opened,
    onActive: active,
    onClosed: closed,
  });
}
