import type { BootPlan, PlannedDevice } from '../../../domain/boot-plan.js';
import { reach, type BootTrack } from '../../../domain/session-open.js';
import type {
  AttachedDisk,
  BootAnswer,
  CardPromise,
  ExchangeResult,
  KnownSession,
  StoredLease,
  WireIdentity,
} from '../ports.js';

/** What a granted exchange gave this board: enough to serve its root while the control plane is away. */
export type Grant = Omit<Extract<ExchangeResult, { kind: 'granted' }>, 'kind' | 'credential'>;

/** One boot of a board as the boot plane serves it: everything that decides the rendered bytes is pinned when it opens. */
export interface CurrentBoot {
  track: BootTrack;
  readonly device: PlannedDevice;
  readonly plan: BootPlan | null;
  /** Fixed by the first file that is asked for. */
  serverUrl: string | null;
  /** Timeline entries sent so far, to bound them. */
  entries: number;
  grant: Grant | null;
  /** The board has proved itself, and may attach its disks as long as this boot lasts. */
  exchanged: boolean;
  /** Digests of roots that its card said it has. */
  known?: readonly string[] | undefined;
  /** What its card was promised last. */
  card?: CardPromise | undefined;
  /** Where it proved itself from. */
  address?: string | undefined;
  /** For a board with a disk of its own, once they were read: `image`, or the digest of what the disk has. */
  files: string | null;
  revoked: boolean;
}

export type KnownAnswer = Exclude<BootAnswer, { kind: 'ignore' }>;

export interface Board {
  answer: KnownAnswer;
  /** When the answer was asked for last (ms), whether or not one came. */
  askedAt: number;
  wire: WireIdentity;
  /** The one that began last. */
  boot: CurrentBoot | null;
  /** The one before, which proved itself: it goes on until `boot` has done so too, as anybody can begin a boot in a board's name. */
  former: CurrentBoot | null;
  /** Data disks it may have; undefined: not asked for yet. Kept over a restart of this plane, in case that of the control plane takes longer. */
  attached?: readonly AttachedDisk[] | undefined;
  /** What the files of its own are called as a whole, see BootBackend.filesDigest; undefined as with `attached`. */
  filesDigest?: string | undefined;
  /** Transfers under way. */
  transfers: number;
}

/** What survives a restart of the boot plane. */
export interface PlaneState {
  readonly version: 1;
  readonly bootKey: string | null;
  readonly boards: readonly Omit<Board, 'transfers'>[];
  readonly addresses: readonly (readonly [address: string, device: string, at: number])[];
  readonly leases: readonly StoredLease[];
  /** Sessions that are over; an older boot plane did not write them. */
  readonly over?: readonly string[];
}

export type KeptBoards = Pick<PlaneState, 'boards' | 'addresses' | 'over'>;

/** The boot of that session, if it is one of the board's that still count. */
export const bootOf = (board: Board | undefined, session: string): CurrentBoot | undefined =>
  [board?.boot, board?.former].find((boot) => boot?.track.id === session) ?? undefined;

const isProven = (boot: CurrentBoot | null): boot is CurrentBoot => boot?.exchanged === true && !boot.revoked;

/** The boot that may have the board's disks and directories: of two the one that proved itself. */
export const provenBoot = ({ boot, former }: Board): CurrentBoot | null => (isProven(boot) ? boot : former);

/** Addresses change hands; one that was not seen for this long says nothing any more. */
const addressMs = 30 * 60_000;
/** Boards remembered at most; the one used longest ago goes first. */
const most = 20_000;

const bootsOf = ({ boot, former }: Board): CurrentBoot[] => [boot, former].filter((each) => each !== null);

const phaseOf = (session: KnownSession): BootTrack['phase'] => {
  if (session.outcome !== 'running') return 'ended';
  switch (session.stage) {
    case 'initramfs':
    case 'root':
      return 'running';
    case 'up':
      return 'ended';
    default:
      return session.stage;
  }
};

/** Boards the boot plane knows, found by what they show on the wire. Memory only; {@link BoardBook.snapshot} is what is kept. */
export interface BoardBook {
  find(wire: Pick<WireIdentity, 'mac' | 'bootPrefix'>): Board | undefined;
  /** True when each of these was shown by one and the same board before. */
  knows(wire: Pick<WireIdentity, 'mac' | 'bootPrefix'>): boolean;
  byDevice(device: string): Board | undefined;
  /** By a session that is not over: the board's latest, or the one before until that has proved itself. */
  bySession(session: string): Board | undefined;
  bootOf(session: string): CurrentBoot | undefined;
  /** The board went on to another boot: nothing is valid of this one, ever again. Remembered of the latest; the control plane knows of all. */
  isOver(session: string): boolean;
  byAddress(address: string, now: number): Board | undefined;
  /** Takes an answer of the control plane in, with a session it knows of that we do not. */
  accept(answer: KnownAnswer, wire: WireIdentity, now: number): Board;
  /** Registers the board's new boot, so that it is found by its session. One before that proved itself stays beside it. */
  open(board: Board, boot: CurrentBoot): void;
  /** The board's latest boot has proved itself: the one before is over. */
  proven(board: Board): void;
  learnAddress(board: Board, address: string, now: number): void;
  all(): Iterable<Board>;
  snapshot(): KeptBoards;
  restore(state: KeptBoards): void;
}

/** @param over told of each boot that is over, because its board went on to another one */
export const createBoardBook = (over: (session: string) => void = () => undefined): BoardBook => new Book(over);

class Book implements BoardBook {
  /** Insertion order is order of use. */
  private readonly boards = new Map<string, Board>();
  private readonly keys = new Map<string, string>();
  private readonly sessions = new Map<string, string>();
  private readonly addresses = new Map<string, { readonly device: string; readonly at: number }>();
  private readonly ended = new Set<string>();
  private readonly over: (session: string) => void;

  constructor(over: (session: string) => void) {
    this.over = over;
  }

  find({ mac, bootPrefix }: Pick<WireIdentity, 'mac' | 'bootPrefix'>): Board | undefined {
    const device =
      (bootPrefix === undefined ? undefined : this.keys.get(`prefix:${bootPrefix}`)) ??
      (mac === undefined ? undefined : this.keys.get(`mac:${mac}`));
    return device === undefined ? undefined : this.boards.get(device);
  }

  knows({ mac, bootPrefix }: Pick<WireIdentity, 'mac' | 'bootPrefix'>): boolean {
    const shown = [
      ...(mac === undefined ? [] : [this.keys.get(`mac:${mac}`)]),
      ...(bootPrefix === undefined ? [] : [this.keys.get(`prefix:${bootPrefix}`)]),
    ];
    return shown.every((device) => device !== undefined && device === shown[0]);
  }

  byDevice(device: string): Board | undefined {
    return this.boards.get(device);
  }

  bySession(session: string): Board | undefined {
    const board = this.boards.get(this.sessions.get(session) ?? '');
    return bootOf(board, session) === undefined ? undefined : board;
  }

  bootOf(session: string): CurrentBoot | undefined {
    return bootOf(this.bySession(session), session);
  }

  isOver(session: string): boolean {
    return this.ended.has(session);
  }

  byAddress(address: string, now: number): Board | undefined {
    const known = this.addresses.get(address);
    return known === undefined || now - known.at > addressMs ? undefined : this.boards.get(known.device);
  }

  accept(answer: KnownAnswer, wire: WireIdentity, now: number): Board {
    const { device } = answer;
    const known = this.boards.get(device.id) ?? this.renamed(device.id, wire);
    const board: Board = known ?? { answer, askedAt: now, wire, boot: null, former: null, transfers: 0 };
    board.answer = answer;
    board.askedAt = now;
    board.wire = { ...board.wire, ...wire };
    this.boards.delete(device.id);
    this.boards.set(device.id, board);
    this.link(board);
    this.adopt(board, answer, now);
    this.shrink();
    return board;
  }

  /** A board whose record the control plane has joined to another: it is the same board, at the same boot. */
  private renamed(device: string, wire: WireIdentity): Board | undefined {
    const former = this.find(wire);
    if (former === undefined) return undefined;
    this.boards.delete(former.answer.device.id);
    for (const { track } of bootsOf(former)) this.sessions.set(track.id, device);
    return former;
  }

  private link({ answer: { device }, wire }: Board): void {
    for (const mac of [device.mac, wire.mac]) if (mac != null) this.keys.set(`mac:${mac}`, device.id);
    for (const prefix of [device.bootPrefix, wire.bootPrefix]) {
      if (prefix != null) this.keys.set(`prefix:${prefix}`, device.id);
    }
  }

  /** Goes on with a session that was opened before this boot plane started, or learns that ours is over. */
  private adopt(board: Board, answer: KnownAnswer, now: number): void {
    const { session } = answer;
    if (session === null) return;
    const known = bootOf(board, session.id);
    if (known !== undefined) {
      if (session.outcome !== 'running') known.track = reach(known.track, 'ended', known.track.lastAt);
      if (session.outcome === 'revoked') known.revoked = true;
      return;
    }
    if (this.isOver(session.id)) return;
    if (board.boot !== null && board.boot.track.openedAt >= session.openedAt) return;
    const plan = answer.kind === 'boot' ? answer.plan : null;
    // What it booted with is no longer known: the next sign opens a new one.
    if ((plan?.generation ?? null) !== session.generation) return;
    this.open(board, {
      track: {
        id: session.id,
        openedAt: session.openedAt,
        generation: session.generation,
        firmware: answer.device.firmware,
        phase: phaseOf(session),
        lastAt: now,
        xid: null,
      },
      device: answer.device,
      plan,
      serverUrl: null,
      entries: 0,
      grant: null,
      exchanged: session.exchanged,
      files: null,
      revoked: session.outcome === 'revoked',
    });
    if (session.exchanged) this.proven(board);
  }

  open(board: Board, boot: CurrentBoot): void {
    const [kept, ended] = isProven(board.boot) ? [board.boot, board.former] : [board.former, board.boot];
    board.former = kept;
    board.boot = boot;
    this.sessions.set(boot.track.id, board.answer.device.id);
    this.end(ended);
  }

  proven(board: Board): void {
    const { former } = board;
    board.former = null;
    this.end(former);
  }

  private end(boot: CurrentBoot | null): void {
    if (boot === null) return;
    const { id } = boot.track;
    this.sessions.delete(id);
    this.ended.add(id);
    if (this.ended.size > most) this.ended.delete(this.ended.values().next().value!);
    this.over(id);
  }

  learnAddress(board: Board, address: string, now: number): void {
    this.addresses.delete(address);
    this.addresses.set(address, { device: board.answer.device.id, at: now });
    for (const [oldest] of this.addresses) {
      if (this.addresses.size <= most) break;
      this.addresses.delete(oldest);
    }
  }

  all(): Iterable<Board> {
    return this.boards.values();
  }

  private shrink(): void {
    for (const [device, board] of this.boards) {
      if (this.boards.size <= most) return;
      this.boards.delete(device);
      for (const { track } of bootsOf(board)) this.sessions.delete(track.id);
      for (const [key, holder] of this.keysOf(board)) if (holder === device) this.keys.delete(key);
    }
  }

  private keysOf({ answer: { device }, wire }: Board): [string, string | undefined][] {
    const keys = [device.mac, wire.mac].map((mac) => `mac:${mac}`);
    const prefixes = [device.bootPrefix, wire.bootPrefix].map((prefix) => `prefix:${prefix}`);
    return [...keys, ...prefixes].map((key) => [key, this.keys.get(key)]);
  }

  snapshot(): KeptBoards {
    return {
      boards: [...this.boards.values()].map(({ transfers: _transfers, ...board }) => board),
      addresses: [...this.addresses].map(([address, { device, at }]) => [address, device, at] as const),
      over: [...this.ended],
    };
  }

  restore({ boards, addresses, over = [] }: KeptBoards): void {
    for (const session of over) this.ended.add(session);
    for (const kept of boards) {
      // Asked long ago: the control plane is asked again as soon as it is there.
      const board: Board = { ...kept, askedAt: 0, transfers: 0 };
      // An older boot plane did not write these.
      board.former ??= null;
      if (board.boot !== null) board.boot.files ??= null;
      this.boards.set(board.answer.device.id, board);
      this.link(board);
      for (const { track } of bootsOf(board)) this.sessions.set(track.id, board.answer.device.id);
    }
    for (const [address, device, at] of addresses) this.addresses.set(address, { device, at });
  }
}
