import { refusal, RefusedError } from '@drover/contract';
import { exportName, moveSecret, readExportName, type ExportName } from '../../../domain/disk-export.js';
import { bootOf, type Board, type BoardBook, type CurrentBoot } from '../../boot/plane/board-book.js';
import type { AttachedDisk } from '../../boot/ports.js';
import type { DiskConnection, DiskExport, DiskOpened, DiskOpenRequest, ExportDirectory } from '../ports.js';

export interface ExportsDeps {
  readonly book: Pick<BoardBook, 'bySession'>;
  /** Undefined until the control plane has told it once. */
  readonly bootKey: () => string | undefined;
  /** Opens what a board may have. Throws RefusedError. */
  readonly openDisk: (disk: string, boot: DiskUse) => Promise<DiskExport>;
  readonly openImage: (digest: string) => Promise<DiskExport>;
  /** Most sessions whose address is remembered. */
  readonly mostPins?: number;
}

/** For which boot a disk is opened, and how. */
export interface DiskUse {
  readonly session: string;
  /** The board begins: nothing of it has the disk in memory. Else it comes back after its connection was lost. */
  readonly begins: boolean;
  readonly readOnly: boolean;
}

export interface Exports extends ExportDirectory {
  /** Does something that needs the disk unused: its connections end, and none begins until that is done. */
  withoutDisk<T>(disk: string, reason: string, work: () => Promise<T>): Promise<T>;
  /** Looks at a disk as a board would, so that {@link withoutDisk} waits for it. Refused with disk.in-use while the disk is being taken away. */
  withDisk<T>(disk: string, work: () => Promise<T>): Promise<T>;
  /** Whether a device has a connection to a disk. */
  isOpen(disk: string, device: string): boolean;
  /** Ends the connections of a device to a disk. */
  endDisk(disk: string, device: string, reason: string): void;
  /** Ends every connection of a session. */
  endSession(session: string, reason: string): void;
  /** What a board of that session calls a disk. Undefined until the control plane has told the key once. */
  nameFor(session: string, what: string): { readonly name: string; readonly moveSecret: string } | undefined;
  /** Whose boot an open connection belongs to. */
  sessionOf(connection: number): string | undefined;
}

type Refused = Extract<DiskOpened, { ok: false }>;

interface Connected {
  readonly connection: DiskConnection;
  readonly name: ExportName;
  readonly device: string;
  readonly readOnly: boolean;
}

const refused = (reason: Refused['reason'], message: string): Refused => ({ ok: false, reason, message });
const unknown = refused('unknown', 'there is no such export');
/** An ended connection takes up nothing more, so what is under way is soon done; a board that lost its power may keep it open for longer. */
const formerMs = 2_000;

/** Which disk a name opens, and to whom: one device, at one boot, at the address it came from first. */
export function createExports(deps: ExportsDeps): Exports {
  const pins = createPins(deps.mostPins ?? 20_000);
  const connected = new Map<number, Connected>();
  /** Being opened, which cannot be ended. */
  const opening = new Set<Omit<Connected, 'connection'>>();
  /** Disks that are being looked at, once for each look. */
  const looking = new Set<{ readonly disk: string }>();
  /** Disks that nobody may open now. */
  const barred = new Set<string>();
  /** Called when a connection has let go of its disk. */
  const waiting = new Set<() => void>();

  const open = async (request: DiskOpenRequest): Promise<DiskOpened> => {
    const bootKey = deps.bootKey();
    if (bootKey === undefined) return refused('shutting-down', 'the server does not know yet who may have what');
    const name = readExportName(bootKey, request.name);
    if (name === undefined) return unknown;
    const why = whyNow(name) ?? pins.refuse(name, request.peerAddress);
    if (why !== undefined) return why;
    if (isFormerThere(name)) await noMore(() => isFormerThere(name), formerMs);
    const board = deps.book.bySession(name.session);
    const device = board?.answer.device.id ?? '';
    const readOnly = isReadOnly(board, name);
    const still = whyNow(name) ?? (readOnly ? undefined : whyElsewhere(name, device));
    if (still !== undefined) return still;
    const begun = { name, device, readOnly };
    opening.add(begun);
    try {
      const begins = !name.mayMove && !pins.knows(name);
      const opened = await openWhat(deps, bootOf(board, name.session), name, { begins, readOnly });
      if (opened === undefined) return unknown;
      // Meanwhile the disk may have been wanted for something else, or the board gone on to another boot.
      const late = whyNow(name);
      if (late !== undefined) {
        await opened.close();
        return late;
      }
      pins.note(name.session, request.peerAddress);
      return { ok: true, export: watched(opened, { ...begun, connection: request.connection }) };
    } catch (error) {
      if (error instanceof RefusedError) return refused('policy', error.refusal.detail);
      throw error;
    } finally {
      opening.delete(begun);
      for (const look of waiting) look();
    }
  };

  const all = (): Omit<Connected, 'connection'>[] => [...connected.values(), ...opening];

  /** Two boards that write would destroy what the other has written. A board's own earlier boot is waited for. */
  const whyElsewhere = ({ what }: ExportName, device: string): Refused | undefined =>
    all().some((each) => each.name.what === what && each.device !== device)
      ? refused('policy', 'another board has not let go of the disk yet')
      : undefined;

  const whyNow = (name: ExportName): Refused | undefined =>
    whyNot(deps.book.bySession(name.session), name) ?? barredNow(name);

  const watched = (opened: DiskExport, of: Connected): DiskExport => {
    const { connection } = of;
    connected.set(connection.id, of);
    return {
      ...opened,
      get size() {
        return opened.size;
      },
      close: async () => {
        try {
          await opened.close();
        } finally {
          // Not before: whoever waits for the disk would find it open.
          connected.delete(connection.id);
          for (const look of waiting) look();
        }
      },
    };
  };

  const end = (isMeant: (of: Connected) => boolean, reason: string): void => {
    for (const of of connected.values()) if (isMeant(of)) of.connection.end(reason);
  };

  const barredNow = ({ what }: ExportName): Refused | undefined =>
    barred.has(what) ? refused('policy', 'the disk is being taken away') : undefined;

  const isLookedAt = (disk: string): boolean => [...looking].some((each) => each.disk === disk);

  /** Resolves when nobody is in the way any more, or after so many ms. */
  const noMore = (isInTheWay: () => boolean, limitMs?: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        waiting.delete(look);
        resolve();
      };
      const look = (): void => {
        if (!isInTheWay()) done();
      };
      const timer = limitMs === undefined ? undefined : setTimeout(done, limitMs);
      waiting.add(look);
      look();
    });

  /** Resolves when no connection has the disk. */
  const closed = (disk: string): Promise<void> =>
    noMore(() => all().some(({ name }) => name.what === disk) || isLookedAt(disk));

  /** Of two boots of a board only one writes: what the one that is over had under way is done first. */
  const isFormerThere = ({ session, what }: ExportName): boolean =>
    all().some(({ name, readOnly }) => !readOnly && name.what === what && isOver(name, session));

  /** It is another boot than that of `session`, and the board has gone on from it. */
  const isOver = (name: ExportName, session: string): boolean =>
    name.session !== session && deps.book.bySession(name.session) === undefined;

  return {
    open,
    withoutDisk: async (disk, reason, work) => {
      barred.add(disk);
      try {
        end(({ name }) => name.what === disk, reason);
        await closed(disk);
        return await work();
      } finally {
        barred.delete(disk);
      }
    },
    withDisk: async (disk, work) => {
      if (barred.has(disk)) throw new RefusedError(refusal('disk.in-use', 'The disk is being taken away.'));
      const look = { disk };
      looking.add(look);
      try {
        return await work();
      } finally {
        looking.delete(look);
        for (const each of waiting) each();
      }
    },
    nameFor: (session, what) => {
      const bootKey = deps.bootKey();
      if (bootKey === undefined) return undefined;
      return { name: exportName(bootKey, session, what), moveSecret: moveSecret(bootKey, session) };
    },
    sessionOf: (connection) => connected.get(connection)?.name.session,
    isOpen: (disk, device) => all().some((each) => each.name.what === disk && each.device === device),
    endDisk: (disk, device, reason) => end((of) => of.name.what === disk && of.device === device, reason),
    endSession: (session, reason) => end(({ name }) => name.session === session, reason),
  };
}

const openWhat = async (
  { openDisk, openImage }: ExportsDeps,
  boot: CurrentBoot | null | undefined,
  { session, what }: ExportName,
  how: Omit<DiskUse, 'session'>,
): Promise<DiskExport | undefined> => {
  if (what !== 'image') return openDisk(what, { session, ...how });
  const image = boot?.plan?.image;
  return image == null ? undefined : openImage(image);
};

const attachedDisk = (board: Board | undefined, { what }: ExportName): AttachedDisk | undefined =>
  board?.attached?.find(({ id }) => id === what);

const isReadOnly = (board: Board | undefined, name: ExportName): boolean =>
  name.what === 'image' || attachedDisk(board, name)?.access === 'read-only';

function whyNot(board: Board | undefined, name: ExportName): Refused | undefined {
  const boot = bootOf(board, name.session);
  const { what } = name;
  if (boot === undefined) return refused('policy', 'this boot session is over: the board has to start again');
  if (boot.revoked) return refused('policy', 'this boot session was revoked');
  if (!boot.exchanged) return refused('policy', 'the secret of this boot session was not exchanged yet');
  const has = what === 'image' ? boot.plan?.image != null : boot.plan?.disks.includes(what);
  return has === true || attachedDisk(board, name) !== undefined
    ? undefined
    : refused('policy', 'the disk does not belong to this boot any more');
}

/** The first address that opened something of a session; another one must prove that it is the same board. */
function createPins(most: number) {
  const pins = new Map<string, string>();
  return {
    refuse: ({ session, mayMove }: ExportName, address: string): Refused | undefined => {
      const pinned = pins.get(session);
      if (pinned === undefined || pinned === address || mayMove) return undefined;
      return refused('policy', 'this export is in use from another address');
    },
    knows: ({ session }: ExportName): boolean => pins.has(session),
    note: (session: string, address: string): void => {
      pins.delete(session);
      pins.set(session, address);
      if (pins.size > most) pins.delete(pins.keys().next().value!);
    },
  };
}
