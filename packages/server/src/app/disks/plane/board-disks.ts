import { createHash } from 'node:crypto';
import { refusal, RefusedError } from '@drover/contract';
import type { Board, BoardBook } from '../../boot/plane/board-book.js';
import type { AttachedDisk, BootBackend } from '../../boot/ports.js';
import type { Clock, Log } from '../../ports.js';
import type { Exports } from './exports.js';

/** What a board says with each of its questions. */
export interface BoardSays {
  /** The version of the list that it knows. */
  readonly known: string;
  /** Ids of disks it has attached. */
  readonly has: readonly string[];
  /** Ids of disks it was asked to let go of and cannot, because they are in use there. */
  readonly busy: readonly string[];
}

export interface ListedDisk extends AttachedDisk {
  /** It is to let go of the disk. */
  readonly leave: boolean;
}

export interface DiskList {
  /** Changes with what is in it. */
  readonly version: string;
  /** What the files of its own are called as a whole; undefined: not known. */
  readonly files: string | undefined;
  readonly disks: readonly ListedDisk[];
}

/** The data disks of boards that are up: what each is told, and what it is asked to give back. */
export interface BoardDisks {
  /** The list for the board of that session, as soon as it is another one than it knows, or after a while. Undefined: not known now. */
  follow(session: string, says: BoardSays, signal: AbortSignal): Promise<DiskList | undefined>;
  /** Asks the control plane which disks and files a device may have. Rejects while that is away. */
  refresh(device: string): Promise<void>;
  /** What was asked may have changed unheard: it is asked anew when a board asks next. */
  forget(): void;
  /** Resolves when the device has let go of the disk, and may not have it any more. `force`: it is not asked. Throws RefusedError when it does not. */
  letGo(disk: string, device: string, force: boolean, signal: AbortSignal): Promise<void>;
}

export interface BoardDisksDeps {
  readonly backend: Pick<BootBackend, 'attachments' | 'filesDigest'>;
  readonly book: Pick<BoardBook, 'byDevice' | 'bySession'>;
  readonly exports: Pick<Exports, 'isOpen' | 'endDisk'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Resolves after so many ms, or when the signal is aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Something worth keeping over a restart changed. */
  readonly changed: () => void;
  /** Longest wait of `follow`, of `letGo`, and for boards to show themselves after a start, in ms. */
  readonly limits?: { readonly follow: number; readonly letGo: number; readonly start: number };
}

const defaultLimits = { follow: 50_000, letGo: 45_000, start: 15_000 };
const lookMs = 50;

interface Agent {
  /** Questions that wait for an answer. */
  waiting: number;
  /** Counts questions. */
  asked: number;
  has: ReadonlySet<string>;
  busy: ReadonlySet<string>;
}

export function createBoardDisks(deps: BoardDisksDeps): BoardDisks {
  const { book, exports, limits = defaultLimits } = deps;
  const startedAt = deps.clock.now();
  const agents = new Map<string, Agent>();
  /** Disks that devices are to let go of, as `device disk`. */
  const leaving = new Set<string>();
  /** Devices whose list was asked for since this plane started. */
  const asked = new Set<string>();
  const wakers = new Map<string, Set<() => void>>();
  const key = (device: string, disk: string): string => `${device} ${disk}`;

  const wake = (device: string): void => {
    for (const each of wakers.get(device) ?? []) each();
  };

  const listOf = ({ answer: { device }, attached, filesDigest: files }: Board): DiskList | undefined => {
    if (attached === undefined) return undefined;
    // What is a directory, the board's own system mounts.
    const blocks = attached.filter(({ kind }) => kind !== 'directory');
    const disks = blocks.map(({ id, name, access }) => ({ id, name, access, leave: leaving.has(key(device.id, id)) }));
    const version = createHash('sha256')
      .update(JSON.stringify([disks, files]))
      .digest('hex')
      .slice(0, 16);
    return { version, files, disks };
  };

  const refresh = async (device: string): Promise<void> => {
    const [attached, filesDigest] = await Promise.all([
      deps.backend.attachments(device),
      deps.backend.filesDigest(device),
    ]);
    const board = book.byDevice(device);
    // Nobody to keep it for: its first boot asks.
    if (board === undefined) return;
    asked.add(device);
    board.attached = attached;
    board.filesDigest = filesDigest;
    deps.changed();
    wake(device);
  };

  const note = (device: string, { has, busy }: BoardSays): Agent => {
    const agent = agents.get(device) ?? { waiting: 0, asked: 0, has: new Set(), busy: new Set() };
    agents.set(device, agent);
    Object.assign(agent, { asked: agent.asked + 1, has: new Set(has), busy: new Set(busy) });
    return agent;
  };

  /** Until somebody calls `wake`, the time is over or the board is gone. */
  const change = (device: string, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const all = wakers.get(device) ?? new Set();
      wakers.set(device, all);
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        all.delete(end);
        if (all.size === 0) wakers.delete(device);
        resolve();
      };
      const timer = setTimeout(end, limits.follow);
      all.add(end);
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
    });

  const follow: BoardDisks['follow'] = async (session, says, signal) => {
    const board = book.bySession(session);
    if (board === undefined) return undefined;
    const { id } = board.answer.device;
    const agent = note(id, says);
    // The book may have forgotten a board meanwhile, and what it had with it.
    if (!asked.has(id) || board.attached === undefined) {
      await refresh(id).catch((error: unknown) => {
        deps.log.debug({ err: error, device: id }, 'the control plane did not say which disks a board has');
      });
    }
    if (listOf(board)?.version !== says.known) return listOf(board);
    agent.waiting += 1;
    await change(id, signal);
    agent.waiting -= 1;
    // It may have started again while it waited.
    return book.bySession(session) === board ? listOf(board) : undefined;
  };

  const remove = (disk: string, device: string): void => {
    const board = book.byDevice(device);
    if (board?.attached !== undefined) board.attached = board.attached.filter(({ id }) => id !== disk);
    deps.changed();
    wake(device);
  };

  /** A board without an agent that asks and without a connection is off; right after a start it may only not have come back yet. */
  const isGone = (disk: string, device: string, since: number): boolean => {
    if (exports.isOpen(disk, device)) return false;
    const agent = agents.get(device);
    if (agent !== undefined && agent.asked > since) return !agent.has.has(disk);
    if (agent !== undefined && agent.waiting > 0) return false;
    return deps.clock.now() - startedAt >= limits.start || book.byDevice(device)?.boot == null;
  };

  const asksToLeave = async (disk: string, device: string, signal: AbortSignal): Promise<void> => {
    const since = agents.get(device)?.asked ?? 0;
    const until = deps.clock.now() + limits.letGo;
    leaving.add(key(device, disk));
    wake(device);
    try {
      while (!isGone(disk, device, since)) {
        signal.throwIfAborted();
        const agent = agents.get(device);
        if (agent !== undefined && agent.asked > since && agent.busy.has(disk)) throw inUse(disk);
        if (deps.clock.now() >= until) throw silent(limits.letGo);
        await deps.pause(lookMs, signal);
      }
    } finally {
      leaving.delete(key(device, disk));
    }
  };

  const isDirectory = (disk: string, device: string): boolean =>
    book.byDevice(device)?.attached?.find(({ id }) => id === disk)?.kind === 'directory';

  /** Its board was released, and has got the disk again: an order of before is about what is over. */
  const isGivenAgain = async (disk: string, device: string): Promise<boolean> => {
    const attached = await deps.backend.attachments(device).catch(() => []);
    return attached.some(({ id, isLeaving }) => id === disk && isLeaving !== true);
  };

  const letGo: BoardDisks['letGo'] = async (disk, device, force, signal) => {
    if (force && (await isGivenAgain(disk, device))) return;
    // Nobody can be asked to let go of a directory: it is taken.
    if (isDirectory(disk, device)) return remove(disk, device);
    if (!force) {
      await asksToLeave(disk, device, signal).catch((error: unknown) => {
        wake(device);
        throw error;
      });
      return remove(disk, device);
    }
    remove(disk, device);
    while (exports.isOpen(disk, device)) {
      exports.endDisk(disk, device, 'the disk was taken away');
      await deps.pause(lookMs, signal);
      signal.throwIfAborted();
    }
  };

  return { follow, refresh, forget: () => asked.clear(), letGo };
}

const inUse = (disk: string) =>
  new RefusedError(
    refusal('disk.in-use', `The board uses the disk ${disk}: it is mounted, or part of something that is.`, {
      remedy: 'Unmount it on the board; or take it away by force (--force), and lose what is not written yet.',
    }),
  );

const silent = (ms: number) =>
  new RefusedError(
    refusal('disk.in-use', `The board did not let go of the disk in ${Math.round(ms / 1000)} s.`, {
      remedy: 'Look whether it is well; or take the disk away by force (--force), and lose what is not written yet.',
    }),
  );
