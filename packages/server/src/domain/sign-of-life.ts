import type { TimelineEntry } from '@drover/contract';

/** A log heard by datagrams: nobody vouches for who sent it, and a kernel that hangs may go on with it for ever. It proves nothing but what it says. */
export const isHearsay = (entry: TimelineEntry): boolean =>
  entry.type === 'log' && (entry.source === 'bootloader' || entry.source === 'netconsole');

/**
 * Whether an entry of its timeline shows that the board did something at that moment. What the server did to it, or noticed only when a connection was given up,
 * shows nothing: that may be minutes after the board lost its power.
 */
export function isSignOfLife(entry: TimelineEntry): boolean {
  switch (entry.type) {
    case 'dhcp.discover':
    case 'dhcp.request':
    case 'dhcp.ignored':
    case 'disk.attached':
    case 'card.asked':
    case 'report':
      return true;
    case 'log':
      return !isHearsay(entry);
    case 'tftp.file':
    case 'http.file':
    case 'root.download':
      return isOfClient[entry.outcome];
    case 'disk.detached':
      return entry.by === 'disconnect';
    case 'exchange':
      // Whoever guesses, or is an impostor, is somebody else.
      return entry.outcome !== 'wrong' && entry.outcome !== 'impostor';
    case 'dhcp.offer':
    case 'dhcp.rival':
    case 'disk.grown':
    case 'disk.not-grown':
    case 'nfs.moved':
    case 'nfs.refused':
    case 'boot.files':
    case 'session.opened':
    case 'session.ended':
      return false;
  }
}

/** When a sign counts (RFC 3339): news may come late, and the clock of whoever heard it may be ahead of ours. `now`: ms since the epoch. */
export const heardAt = (at: string, now: number): string => new Date(Math.min(Date.parse(at), now)).toISOString();

type Outcome = Extract<TimelineEntry, { type: 'tftp.file' }>['outcome'];

/** Whether a transfer that ended so was ended by something the board sent. */
const isOfClient: Readonly<Record<Outcome, boolean>> = {
  complete: true,
  absent: true,
  refused: true,
  probe: true,
  aborted: false,
  'timed-out': false,
  failed: false,
};
