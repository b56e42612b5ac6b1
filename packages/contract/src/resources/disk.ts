import * as z from 'zod';
import {
  BackupId,
  DeviceId,
  DiskId,
  ImageId,
  JobId,
  Name,
  SnapshotId,
  TenantId,
  Timestamp,
  UploadId,
} from '../primitives.js';

export const diskStates = ['creating', 'ready', 'failed', 'deleting'] as const;
export const DiskState = z.enum(diskStates);
export type DiskState = z.infer<typeof DiskState>;

/** `root`: the system disk of one assignment, deleted when that ends. `data`: made by somebody, and kept until somebody deletes it. */
export const diskRoles = ['root', 'data'] as const;
export const DiskRole = z.enum(diskRoles);
export type DiskRole = z.infer<typeof DiskRole>;

/** `block`: a network block device. `directory`: a folder that the board mounts over NFS: its root with root mode `nfs`, or a disk of Bakery's kind. */
export const diskKinds = ['block', 'directory'] as const;
export const DiskKind = z.enum(diskKinds);
export type DiskKind = z.infer<typeof DiskKind>;

/** How a directory came to be: over the image's files without copying them, as far as the server's file system can; or copied. */
export const cloneMethods = ['snapshot', 'reflink', 'overlay', 'copy'] as const;
export const CloneMethod = z.enum(cloneMethods);
export type CloneMethod = z.infer<typeof CloneMethod>;

const sectorSize = 512;
/** Bytes of a disk: whole sectors, at most 16 TiB. */
export const DiskSize = z
  .number()
  .int()
  .min(1 << 20, 'is less than 1 MiB (1048576)')
  .max(16 * 2 ** 40, 'is more than 16 TiB (17592186044416)')
  .refine((size) => size % sectorSize === 0, `is not a multiple of ${sectorSize} bytes`);

/** One board may write to a disk, or any number may read it. */
export const diskAccesses = ['read-write', 'read-only'] as const;
export const DiskAccess = z.enum(diskAccesses);
export type DiskAccess = z.infer<typeof DiskAccess>;

/** A board that has a data disk, at this boot or the next. `detaching`: it was asked to let go. */
export const DiskAttachment = z.object({
  device: DeviceId,
  access: DiskAccess,
  state: z.enum(['attached', 'detaching']),
  since: Timestamp,
});
export type DiskAttachment = z.infer<typeof DiskAttachment>;

export const Disk = z.object({
  id: DiskId,
  tenant: TenantId,
  name: Name,
  role: DiskRole,
  kind: DiskKind,
  /** Of a directory that was made of an image; null until known, and for others. */
  clone: CloneMethod.nullable(),
  /** Where a directory is mounted from, `address:path`; null until known, and for others. Only the board that has it may mount it. */
  nfs: z.string().nullable(),
  /** Whose system disk it is; null: a data disk, see `attachments`. */
  device: DeviceId.nullable(),
  /** Boards that have this data disk. */
  attachments: z.array(DiskAttachment),
  /** The image it lies on; null: empty when it was made. */
  image: ImageId.nullable(),
  /** Bytes of the disk as the board sees it; of a directory, those of the image, which it may grow beyond. */
  size: z.number().int(),
  /** Bytes it takes on the server that it shares with no other disk; null until known. */
  ownBytes: z.number().int().nullable(),
  state: DiskState,
  stateReason: z.string().nullable(),
  /** When it is deleted, unless somebody keeps it; null: never by itself. */
  deleteAt: Timestamp.nullable(),
  /** The job that is at work on it. */
  job: JobId.nullable(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  etag: z.string(),
});
export type Disk = z.infer<typeof Disk>;

/** A state of a disk that is kept. */
export const DiskSnapshot = z.object({
  id: SnapshotId,
  disk: DiskId,
  tenant: TenantId,
  name: Name,
  /** Bytes of the disk then. */
  size: z.number().int(),
  state: DiskState,
  stateReason: z.string().nullable(),
  job: JobId.nullable(),
  createdAt: Timestamp,
});
export type DiskSnapshot = z.infer<typeof DiskSnapshot>;

/** What a check of a disk found: the result of its job. A disk lies in several files when it has snapshots. */
export const DiskCheck = z.object({
  files: z.array(
    z.object({
      /** Name of the file on the server. */
      file: z.string(),
      /** Why it cannot be read at all; null: it can be. */
      problem: z.string().nullable(),
      /** Null: it is so damaged that no more can be said. `leaks` cost room and harm nothing. */
      report: z.object({ corruptions: z.number().int(), leaks: z.number().int() }).nullable(),
    }),
  ),
});
export type DiskCheck = z.infer<typeof DiskCheck>;

interface Origins {
  readonly image?: string | undefined;
  readonly snapshot?: string | undefined;
  readonly backup?: string | undefined;
  readonly upload?: string | undefined;
}
const originsOf = ({ image, snapshot, backup, upload }: Origins): string[] =>
  [image, snapshot, backup, upload].filter((each) => each !== undefined);

export const DiskCreate = z
  .object({
    /** Left out: `block`. A directory holds a sparse `disk.img` of the size, for boards that mount that over NFS as they did with Bakery. */
    kind: DiskKind.optional(),
    /** Left out: made of the id. */
    name: Name.optional(),
    /** Left out: as large as what it is made of. */
    size: DiskSize.optional(),
    /** An image by id or `name:version`. */
    image: z.string().min(1).max(255).optional(),
    /** A snapshot by id. */
    snapshot: SnapshotId.optional(),
    /** A backup by id: the disk gets its content. */
    backup: BackupId.optional(),
    /** A complete upload of a qcow2 or raw image, by id: the disk gets its content. */
    upload: UploadId.optional(),
  })
  .refine((wanted) => originsOf(wanted).length < 2, {
    path: ['image'],
    message: 'cannot be given together with a snapshot, a backup or an upload: a disk is made of one thing',
  })
  .refine(({ kind, ...wanted }) => kind !== 'directory' || originsOf(wanted).length === 0, {
    path: ['kind'],
    message: 'of a disk that is made of something is block: a directory is made empty',
  })
  .refine((wanted) => wanted.size !== undefined || originsOf(wanted).length > 0, {
    path: ['size'],
    message: 'is needed for an empty disk',
  });
export type DiskCreate = z.infer<typeof DiskCreate>;

export const DiskUpdate = z
  .object({
    name: Name.optional(),
    size: DiskSize.optional(),
    /** It is kept. */
    deleteAt: z.null().optional(),
  })
  .refine((change) => Object.values(change).some((value) => value !== undefined), { message: 'changes nothing' });
export type DiskUpdate = z.infer<typeof DiskUpdate>;

export const DiskAttach = z.object({
  /** Id, name, serial, MAC or boot prefix. */
  device: z.string().min(1).max(64),
  access: DiskAccess.default('read-write'),
});
export type DiskAttach = z.infer<typeof DiskAttach>;

export const DiskDetach = z.object({
  /** Left out: the only one that has it. */
  device: z.string().min(1).max(64).optional(),
  /** Do not ask the board: what it has not written yet is lost. */
  force: z.boolean().default(false),
});
export type DiskDetach = z.infer<typeof DiskDetach>;

export const SnapshotCreate = z.object({ name: Name.optional() });
export type SnapshotCreate = z.infer<typeof SnapshotCreate>;
