import * as z from 'zod';
import {
  ImageId,
  ImageVersion,
  JobId,
  Model,
  Name,
  RootMode,
  Sha256,
  TenantId,
  Timestamp,
  UploadId,
} from '../primitives.js';

export const imageStates = ['importing', 'ready', 'failed', 'deleting'] as const;
export const ImageState = z.enum(imageStates);
export type ImageState = z.infer<typeof ImageState>;

export const ImagePartition = z.object({
  number: z.number().int(),
  /** Bytes from the start of the disk. */
  offset: z.number().int(),
  length: z.number().int(),
  type: z.string(),
  partuuid: z.string(),
  fileSystem: z.string().nullable(),
  label: z.string().nullable(),
});

export const ImageKernel = z.object({
  file: z.string(),
  architecture: z.enum(['arm64', 'arm', 'other']),
  /** As `uname -r` will say; null where the kernel does not tell. */
  release: z.string().nullable(),
  /** Whether the root has a module folder for that release. */
  modules: z.boolean(),
});
export type ImageKernel = z.infer<typeof ImageKernel>;

/** What was read from the image itself, without running it. */
export const ImageFacts = z.object({
  scheme: z.enum(['mbr', 'gpt', 'none']),
  diskId: z.string().nullable(),
  partitions: z.array(ImagePartition),
  bootPartition: z.number().int().nullable(),
  rootPartition: z.number().int().nullable(),
  bootFiles: z.number().int(),
  release: z.object({ id: z.string(), version: z.string().nullable(), name: z.string() }).nullable(),
  architecture: z.enum(['arm64', 'armhf', 'armel', 'other']).nullable(),
  init: z.enum(['systemd', 'sysvinit', 'busybox', 'openrc', 'other']).nullable(),
  kernels: z.array(ImageKernel),
  initramfs: z.array(z.string()),
  models: z.array(Model),
  /** A reason for each model this image cannot run on. */
  unfit: z.array(z.object({ model: Model, reason: z.string() })),
  rootModes: z.array(RootMode),
  /** Things a person should know: a file too big for old firmware, a byte of config.txt that is not ASCII. */
  warnings: z.array(z.string()),
  rootUsedBytes: z.number().int().nullable(),
  /** Its root was not cleanly unmounted: it can be read only after its journal was replayed. Left out by an older Drover: no. */
  rootNeedsRecovery: z.boolean().optional(),
});
export type ImageFacts = z.infer<typeof ImageFacts>;

export const Image = z.object({
  id: ImageId,
  /** null: visible to every tenant. */
  tenant: TenantId.nullable(),
  name: Name,
  version: ImageVersion,
  ref: z.string(),
  state: ImageState,
  stateReason: z.string().nullable(),
  /** sha256 of the whole uncompressed disk. */
  digest: Sha256.nullable(),
  size: z.number().int().nullable(),
  facts: ImageFacts.nullable(),
  job: JobId.nullable(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  etag: z.string(),
});
export type Image = z.infer<typeof Image>;

export const imageFormats = ['img', 'xz', 'gz', 'zst', 'zip', 'boot-and-root'] as const;

/** Where the bytes come from: exactly one of the three, or a boot folder archive plus a root archive. */
export const ImageSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('upload'), upload: UploadId }),
  /** A path on the server's own disk; admin only, and only below a folder named in `images.importFrom`. */
  z.object({ kind: z.literal('path'), path: z.string().max(4096) }),
  z.object({
    kind: z.literal('url'),
    url: z
      .url({ protocol: /^https?$/, error: 'is not an http:// or https:// address' })
      .max(2048)
      // It would be kept with the job.
      .refine(
        (url) => !/^https?:\/\/[^/?#]*@/i.test(url),
        'holds a user name or password, which is not kept safe here',
      ),
  }),
  /** Two uploads: a tar of the boot partition's files and a tar of the root. */
  z.object({ kind: z.literal('tars'), boot: UploadId, root: UploadId }),
]);
export type ImageSource = z.infer<typeof ImageSource>;

export const ImageCreate = z.object({
  name: Name,
  version: ImageVersion,
  source: ImageSource,
  /** Of the bytes as they come: the compressed file where it is compressed. */
  sha256: Sha256.optional(),
  /** Visible to every tenant; admin only. */
  shared: z.boolean().default(false),
});
export type ImageCreate = z.infer<typeof ImageCreate>;

/** A file of the image's boot partition. */
export const BootFile = z.object({ path: z.string(), size: z.number().int() });
export type BootFile = z.infer<typeof BootFile>;

/** tus-like resumable upload: PATCH bytes at `offset` until it reaches `size`. What was acknowledged is on disk. */
export const Upload = z.object({
  id: UploadId,
  tenant: TenantId,
  filename: z.string(),
  size: z.number().int().nullable(),
  offset: z.number().int(),
  complete: z.boolean(),
  expiresAt: Timestamp,
  createdAt: Timestamp,
});
export type Upload = z.infer<typeof Upload>;

export const UploadCreate = z.object({
  filename: z.string().min(1).max(255),
  /** Bytes in all; left out where the sender does not know, then `PATCH ...?final=true` ends it. */
  size: z.number().int().min(1, 'is an empty file').optional(),
});
export type UploadCreate = z.infer<typeof UploadCreate>;
