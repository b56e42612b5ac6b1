import { RefusedError } from '@drover/contract';
import { readExportName, type ExportName } from '../../../domain/disk-export.js';
import type { BoardBook, CurrentBoot } from '../../boot/plane/board-book.js';
import type { DiskConnection, DiskExport, DiskOpened, DiskOpenRequest, ExportDirectory } from '../ports.js';

export interface ExportsDeps {
  readonly book: Pick<BoardBook, 'bySession'>;
  /** Undefined until the control plane has told it once. */
  readonly bootKey: () => string | undefined;
  /** Opens what a board may have. Throws RefusedError. */
  readonly openDisk: (disk: string) => Promise<DiskExport>;
  readonly openImage: (digest: string) => Promise<DiskExport>;
  /** Most sessions whose address is remembered. */
  readonly mostPins?: number;
}

export interface Exports extends ExportDirectory {
  /** Ends every connection to a disk, or to what a session has open. */
  endDisk(disk: string, reason: string): void;
  endSession(session: string, reason: string): void;
  /** Whose boot an open connection belongs to. */
  sessionOf(connection: number): string | undefined;
}

type Refused = Extract<DiskOpened, { ok: false }>;

interface Connected {
  readonly connection: DiskConnection;
  readonly name: ExportName;
}

const refused = (reason: Refused['reason'], message: string): Refused => ({ ok: false, reason, message });
const unknown = refused('unknown', 'there is no such export');

/** Which disk a name opens, and to whom: one device, at one boot, at the address it came from first. */
export function createExports(deps: ExportsDeps): Exports {
  const pins = createPins(deps.mostPins ?? 20_000);
  const connected = new Map<number, Connected>();

  const open = async (request: DiskOpenRequest): Promise<DiskOpened> => {
    const bootKey = deps.bootKey();
    if (bootKey === undefined) return refused('shutting-down', 'the server does not know yet who may have what');
    const name = readExportName(bootKey, request.name);
    if (name === undefined) return unknown;
    const boot = deps.book.bySession(name.session)?.boot;
    const why = whyNot(boot, name) ?? pins.refuse(name, request.peerAddress);
    if (why !== undefined) return why;
    try {
      const opened = await openWhat(deps, boot, name);
      if (opened === undefined) return unknown;
      pins.note(name.session, request.peerAddress);
      return { ok: true, export: watched(opened, request.connection, name) };
    } catch (error) {
      if (error instanceof RefusedError) return refused('policy', error.refusal.detail);
      throw error;
    }
  };

  const watched = (opened: DiskExport, connection: DiskConnection, name: ExportName): DiskExport => {
    connected.set(connection.id, { connection, name });
    return {
      ...opened,
      get size() {
        return opened.size;
      },
      close: async () => {
        connected.delete(connection.id);
        await opened.close();
      },
    };
  };

  const end = (isMeant: (name: ExportName) => boolean, reason: string): void => {
    for (const { connection, name } of connected.values()) if (isMeant(name)) connection.end(reason);
  };

  return {
    open,
    endDisk: (disk, reason) => end(({ what }) => what === disk, reason),
    sessionOf: (connection) => connected.get(connection)?.name.session,
    endSession: (session, reason) => end((name) => name.session === session, reason),
  };
}

const openWhat = async (
  { openDisk, openImage }: ExportsDeps,
  boot: CurrentBoot | null | undefined,
  { what }: ExportName,
): Promise<DiskExport | undefined> => {
  if (what !== 'image') return openDisk(what);
  const image = boot?.plan?.image;
  return image == null ? undefined : openImage(image);
};

function whyNot(boot: CurrentBoot | null | undefined, { what }: ExportName): Refused | undefined {
  if (boot == null) return refused('policy', 'this boot session is over: the board has to start again');
  if (boot.revoked) return refused('policy', 'this boot session was revoked');
  if (boot.grant === null) return refused('policy', 'the secret of this boot session was not exchanged yet');
  const has = what === 'image' ? boot.plan?.image != null : boot.plan?.disks.includes(what);
  return has === true ? undefined : refused('policy', 'the disk does not belong to this boot any more');
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
    note: (session: string, address: string): void => {
      pins.delete(session);
      pins.set(session, address);
      if (pins.size > most) pins.delete(pins.keys().next().value!);
    },
  };
}
