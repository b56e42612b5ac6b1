import type { Clock, Service } from '../../ports.js';
import type { Board, BoardBook, CurrentBoot } from './board-book.js';
import type { Boots } from './boots.js';
import type { Neighbours } from './ports.js';

/** A line of a log as it was heard, without anything in it that does something to whoever shows it. */
export interface HeardLine {
  /** `kernel`: by its form. `plain`: the bootloader's, or that of a kernel that writes no times. */
  readonly from: 'kernel' | 'plain';
  readonly text: string;
  readonly urgent: boolean;
}

export interface BoardLogsStats {
  /** Lines that are on a timeline. */
  readonly kept: number;
  /** Lines of addresses that no board at a boot has. */
  readonly unknown: number;
  /** Lines beyond what is kept of one boot, or of all boards at once. */
  readonly dropped: number;
}

/**
 * Puts what bootloaders and kernels write, by datagrams that anybody can send, on the timelines of the boards that have the addresses they came from. Bounded for
 * each boot, so that nobody's flood costs a board its timeline.
 */
export interface BoardLogs extends Service {
  /** Takes lines of one address; never waits, never throws. */
  take(address: string, lines: readonly HeardLine[]): void;
  stats(): BoardLogsStats;
}

interface Deps {
  readonly book: Pick<BoardBook, 'byAddress' | 'find'>;
  readonly boots: Pick<Boots, 'note'>;
  readonly neighbours: Neighbours;
  readonly clock: Clock;
  readonly limits?: Partial<typeof defaults>;
}

const defaults = {
  /** Lines are gathered for so long, ms. */
  lingerMs: 250,
  /** A bootloader speaks before it asks for an address: lines wait so long for the boot they belong to, ms. */
  heldMs: 60_000,
  /** The kernel's table of neighbours is read so often for one address, ms. */
  askMs: 5_000,
  /** Characters of one entry. */
  entry: 16 * 1024,
  /** Of one boot: entries, and characters. Urgent lines have a reserve beside them. */
  entries: 600,
  characters: 1024 * 1024,
  urgentEntries: 40,
  /** Addresses whose lines wait, characters of one, and of all. */
  addresses: 512,
  waitingOfOne: 64 * 1024,
  waiting: 4 * 1024 * 1024,
};

interface Waiting {
  readonly lines: HeardLine[];
  readonly since: number;
  characters: number;
  /** When the neighbours were asked for this address last, ms. */
  askedAt: number;
}

interface Kept {
  entries: number;
  characters: number;
  urgent: number;
  isFull: boolean;
  /** The kernel of this boot was heard: what has no form of its own is the kernel's too. */
  kernel: boolean;
}

/** How the log of a Pi's bootloader begins, with its clock in front or not. */
const beginsBoot = /^\s*(?:\d+\.\d+\s+)?(?:RPi: )?(?:BOOTLOADER release|BOOTMODE:|PM_RSTS:|Boot mode:)/i;

export function createBoardLogs(deps: Deps): BoardLogs {
  const { book, boots, clock } = deps;
  const limits = { ...defaults, ...deps.limits };
  const waiting = new Map<string, Waiting>();
  const kept = new WeakMap<CurrentBoot, Kept>();
  const counts = { kept: 0, unknown: 0, dropped: 0 };
  let total = 0;
  let timer: NodeJS.Timeout | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  let stopped = false;

  const keptOf = (boot: CurrentBoot): Kept => {
    const known = kept.get(boot) ?? { entries: 0, characters: 0, urgent: 0, isFull: false, kernel: false };
    kept.set(boot, known);
    return known;
  };

  const boardAt = async (address: string, held: Waiting): Promise<Board | undefined> => {
    const now = clock.now();
    const known = book.byAddress(address, now);
    if (known !== undefined) return known;
    // Addresses can be made up, and each question reads the table of the kernel.
    if (now - held.askedAt < limits.askMs) return undefined;
    held.askedAt = now;
    const mac = await deps.neighbours.macOf(address);
    return mac === undefined ? undefined : book.find({ mac });
  };

  const note = (boot: CurrentBoot, source: 'bootloader' | 'netconsole', lines: readonly HeardLine[]): void => {
    const account = keptOf(boot);
    const text = lines.map((line) => line.text).join('\n');
    const isRoom = account.entries < limits.entries && account.characters + text.length <= limits.characters;
    const isUrgent = !isRoom && lines.some((line) => line.urgent) && account.urgent < limits.urgentEntries;
    if (!isRoom && !isUrgent) {
      counts.dropped += lines.length;
      if (!account.isFull)
        boots.note(boot, { type: 'log', source, text: '(the log of this boot is longer than what is kept of one)' });
      account.isFull = true;
      return;
    }
    account.entries += 1;
    account.characters += text.length;
    if (isUrgent) account.urgent += 1;
    counts.kept += lines.length;
    boots.note(boot, { type: 'log', source, text });
  };

  /** Entries of one source each, none longer than one may be. */
  const noteAll = (boot: CurrentBoot, lines: readonly HeardLine[]): void => {
    const account = keptOf(boot);
    const isLate = boot.track.phase === 'running' || boot.track.phase === 'ended';
    let [source, run, length]: ['bootloader' | 'netconsole', HeardLine[], number] = ['bootloader', [], 0];
    for (const line of lines) {
      if (line.from === 'kernel') account.kernel = true;
      const of = account.kernel || isLate ? 'netconsole' : 'bootloader';
      if (run.length > 0 && (of !== source || length + line.text.length > limits.entry)) {
        note(boot, source, run);
        [run, length] = [[], 0];
      }
      source = of;
      run.push(line);
      length += line.text.length + 1;
    }
    if (run.length > 0) note(boot, source, run);
  };

  const forget = (address: string, held: Waiting): void => {
    waiting.delete(address);
    total -= held.characters;
  };

  /** Lines of one address go where they belong, or wait on. */
  const settle = async (address: string, held: Waiting): Promise<void> => {
    const boot = (await boardAt(address, held))?.boot ?? undefined;
    const isOver = stopped || clock.now() - held.since >= limits.heldMs;
    if (boot === undefined) {
      if (!isOver) return;
      counts.unknown += held.lines.length;
      return forget(address, held);
    }
    // The next boot of a board whose latest is past its bootloader: it has not asked for anything yet.
    const isPast = boot.track.phase === 'kernel' || boot.track.phase === 'running' || boot.track.phase === 'ended';
    const next = isPast && !isOver ? held.lines.findIndex(({ text }) => beginsBoot.test(text)) : -1;
    if (next < 0) {
      forget(address, held);
      return noteAll(boot, held.lines);
    }
    noteAll(boot, held.lines.splice(0, next));
    const left = held.lines.reduce((sum, { text }) => sum + text.length, 0);
    total += left - held.characters;
    held.characters = left;
  };

  const sweep = async (): Promise<void> => {
    for (const [address, held] of [...waiting]) await settle(address, held);
  };

  const schedule = (): void => {
    if (stopped) return;
    timer ??= setTimeout(() => {
      sweeping = sweep().finally(() => {
        timer = undefined;
        if (waiting.size > 0) schedule();
      });
    }, limits.lingerMs);
  };

  return {
    take: (address, lines) => {
      const known = waiting.get(address);
      if (known === undefined && waiting.size >= limits.addresses) {
        counts.dropped += lines.length;
        return;
      }
      const held = known ?? { lines: [], since: clock.now(), characters: 0, askedAt: -Infinity };
      waiting.set(address, held);
      for (const line of lines) {
        const { length } = line.text;
        if (held.characters + length > limits.waitingOfOne || total + length > limits.waiting) {
          counts.dropped += 1;
          continue;
        }
        held.lines.push(line);
        held.characters += length;
        total += length;
      }
      schedule();
    },
    stats: () => ({ ...counts }),
    start: async () => undefined,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await sweeping;
      await sweep();
    },
  };
}
