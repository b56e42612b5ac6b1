import { provenBoot, type Board, type BoardBook, type CurrentBoot } from '../../boot/plane/board-book.js';
import type { DirectoryReport, DiskPlan } from '../../disks/pool.js';
import type { NfsMount } from '../../boot/ports.js';
import type { DirectoryOrigin, DirectoryPool, DirectoryProgress, NfsServer } from '../ports.js';
import type { NfsExports, NfsUse } from './nfs-exports.js';

/** Directories as orders and boots of boards change them. */
export interface DirectoryWork {
  create(plan: DiskPlan, options: DirectoryProgress): Promise<DirectoryReport>;
  has(disk: string): boolean;
  /** Nobody can mount it any more, and then it goes. */
  remove(disk: string): Promise<void>;
  /** A device may have others now than before. */
  refresh(device: string): Promise<void>;
  withdraw(disk: string, device: string): Promise<void>;
  /** A board proved itself from this address. */
  admit(session: string, address: string): Promise<void>;
  /** Where a board mounts one from; undefined when it is not there. */
  mountOf(disk: string): NfsMount | undefined;
}

export interface DirectoryWorkDeps {
  readonly pool: DirectoryPool;
  readonly server: NfsServer;
  readonly exports: Pick<NfsExports, 'allow' | 'withdraw'>;
  readonly book: Pick<BoardBook, 'byDevice' | 'bySession' | 'bootOf'>;
  /** Has the data disks of a device asked for again. Rejects while the control plane is away. */
  readonly askAttachments: (device: string) => Promise<void>;
  /** How boards call this server. */
  readonly serverAddress: () => string;
  readonly changed: () => void;
}

export function createDirectoryWork(deps: DirectoryWorkDeps): DirectoryWork {
  const { pool, server, exports, book } = deps;

  const allow = async (board: Board): Promise<void> => {
    const boot = provenBoot(board);
    if (boot === null || boot.revoked || boot.address == null) return;
    const uses = usesOf(board, boot).filter(({ disk }) => pool.place(disk) !== undefined);
    await exports.allow({ device: board.answer.device.id, session: boot.track.id }, boot.address, uses);
  };

  return {
    create: async (plan, options) => {
      await pool.create({ disk: plan.disk, origin: originOf(plan) }, options);
      const facts = await pool.facts(plan.disk);
      if (facts === undefined) throw new Error(`the directory ${plan.disk} is gone`);
      const { clone, ownBytes, folder } = facts;
      return { clone, ownBytes, nfs: `${deps.serverAddress()}:${server.path({ disk: plan.disk, folder })}` };
    },
    has: (disk) => pool.place(disk) !== undefined,
    remove: async (disk) => {
      await exports.withdraw(disk);
      await pool.remove(disk);
    },
    refresh: async (device) => {
      const board = book.byDevice(device);
      if (board !== undefined) await allow(board);
    },
    withdraw: (disk, device) => exports.withdraw(disk, device),
    admit: async (session, address) => {
      const [board, boot] = [book.bySession(session), book.bootOf(session)];
      if (board === undefined || boot === undefined) return;
      boot.address = address;
      deps.changed();
      if (board.attached === undefined) await deps.askAttachments(board.answer.device.id).catch(() => undefined);
      await allow(board);
    },
    mountOf: (disk) => {
      const place = pool.place(disk);
      if (place === undefined) return undefined;
      const path = server.path({ disk, folder: place.folder });
      return { path, port: server.port, mountPort: server.mountPort, versions: server.versions() };
    },
  };
}

function usesOf({ attached }: Board, boot: CurrentBoot): NfsUse[] {
  const roots = boot.plan?.rootMode === 'nfs' ? boot.plan.disks : [];
  const data = (attached ?? []).filter(({ kind }) => kind === 'directory');
  return [
    ...roots.map((disk) => ({ disk, readOnly: false })),
    ...data.map(({ id, access }) => ({ disk: id, readOnly: access === 'read-only' })),
  ];
}

function originOf({ origin, size, rootPartition }: DiskPlan): DirectoryOrigin {
  if (origin.kind === 'empty') return { kind: 'empty', size };
  if (origin.kind === 'image' && rootPartition !== undefined)
    return { kind: 'image', digest: origin.digest, partition: rootPartition };
  throw new Error('a directory is made of nothing, or of the root partition of an image');
}
