import type { TimelineEntry } from '@drover/contract';
import { openedAtOf } from '../../../domain/boot-credential.js';
import { decideOpen, follow, reach, type BootPhase, type BootSignal } from '../../../domain/session-open.js';
import type { Clock, Ids, Log } from '../../ports.js';
import type { Telemetry } from '../ports.js';
import type { Board, BoardBook, CurrentBoot } from './board-book.js';
import type { NewEntry } from './ports.js';

/** Opens boot sessions and keeps their timelines going. */
export interface Boots {
  /** Takes a sign of a board in: the boot it belongs to, opened now if it begins one. */
  sign(board: Board, signal: BootSignal): CurrentBoot;
  /** Puts an entry on the timeline of a boot. */
  note(boot: CurrentBoot, entry: NewEntry): void;
  /** The boot came further than firmware's own requests show. */
  reached(boot: CurrentBoot, phase: BootPhase): void;
  /** A sign of life that begins nothing. */
  touched(boot: CurrentBoot): void;
}

interface BootsDeps {
  readonly book: BoardBook;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly push: (item: Telemetry) => void;
  readonly changed: () => void;
  /** A boot has begun. */
  readonly opened: (boot: CurrentBoot) => void;
  readonly sessionTtlSeconds: number;
}

/** A board that asks for ever does not fill the database: its timeline stops here. */
const mostEntries = 5_000;

export function createBoots(deps: BootsDeps): Boots {
  const { book, clock, ids } = deps;

  const open = (board: Board, because: string): CurrentBoot => {
    const { answer, wire } = board;
    const id = ids.next('bs');
    const openedAt = openedAtOf(id) ?? clock.now();
    const plan = answer.kind === 'boot' ? answer.plan : null;
    const generation = plan?.generation ?? null;
    const boot: CurrentBoot = {
      track: { id, openedAt, generation, firmware: wire.firmware, phase: 'dhcp', lastAt: clock.now(), xid: null },
      device: answer.device,
      plan,
      serverUrl: null,
      entries: 0,
      grant: null,
      exchanged: false,
      files: null,
      revoked: false,
    };
    book.open(board, boot);
    deps.push({ kind: 'opened', opened: { id, device: answer.device.id, wire, generation, openedAt } });
    deps.log.info({ device: answer.device.id, session: id, because }, 'a boot begins');
    deps.opened(boot);
    return boot;
  };

  const note = (boot: CurrentBoot, entry: NewEntry): void => {
    if (boot.entries >= mostEntries) return;
    boot.entries += 1;
    const timed: TimelineEntry = { ...entry, at: new Date(clock.now()).toISOString() };
    deps.push({ kind: 'entry', session: boot.track.id, device: boot.device.id, entry: timed });
  };

  return {
    sign: (board, signal) => {
      const decision = decideOpen(board.boot?.track ?? null, signal, deps.sessionTtlSeconds * 1000);
      const boot = board.boot === null || decision.open ? open(board, decision.because) : board.boot;
      boot.track = follow(boot.track, signal);
      deps.changed();
      return boot;
    },
    note,
    reached: (boot, phase) => {
      boot.track = reach(boot.track, phase, clock.now());
      deps.changed();
    },
    touched: (boot) => {
      boot.track = { ...boot.track, lastAt: clock.now() };
    },
  };
}
