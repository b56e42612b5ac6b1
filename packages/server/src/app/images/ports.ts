import type { Image, ImageFacts, ImageState, Page, Result, Upload } from '@drover/contract';
import type { BootTree, InitramfsPart } from '../../domain/boot-plan.js';
import type { BlobInfo } from '../blobs/ports.js';

export interface ImageRecord extends Omit<Image, 'etag' | 'ref'> {
  /** Counts changes; the etag is made from it. */
  revision: number;
  /** What was asked for at import, to resume it. */
  source: Record<string, unknown>;
}

/**
 * Something made from an image once and kept: `boot-tree` (JSON), `initramfs` (variant = kernel release), `root-squashfs` (variant = compression),
 * `card-initramfs` (variant = architecture), `boot-set` (a tar; its recipe is the set's id),
 * `root-delta` (variant = digest of the root it is for).
 */
export interface Derivative {
  image: string;
  kind: 'boot-tree' | 'initramfs' | 'root-squashfs' | 'card-initramfs' | 'boot-set' | 'root-delta';
  variant: string;
  blob: string;
  size: number;
  /** Digest over everything it was made from besides the image (scripts, tools), so that a newer Drover makes it anew. */
  recipe: string;
  createdAt: string;
}

export interface ImageRepository {
  /** False when the tenant (or all tenants) has that name:version already. */
  insert(image: ImageRecord): Promise<boolean>;
  get(id: string): Promise<ImageRecord | undefined>;
  /** Own image before a shared one; without a version the newest that is ready. `tenant` null: any tenant's. */
  find(tenant: string | null, name: string, version: string | undefined): Promise<ImageRecord | undefined>;
  list(
    filter: { tenant?: string | null; name?: string },
    page: { limit: number; cursor?: string },
  ): Promise<Page<ImageRecord>>;
  /** Compare and set on `revision`; false when somebody was faster. Increments it. */
  update(
    id: string,
    revision: number,
    change: Partial<{
      state: ImageState;
      stateReason: string | null;
      digest: string;
      size: number;
      facts: ImageFacts;
      job: string | null;
      updatedAt: string;
    }>,
  ): Promise<boolean>;
  delete(id: string): Promise<void>;
  /** Names of devices whose assignment refers to the image. */
  usedBy(id: string): Promise<string[]>;
  derivative(image: string, kind: Derivative['kind'], variant: string): Promise<Derivative | undefined>;
  derivatives(image: string): Promise<Derivative[]>;
  /** Packed roots with this digest, of images that the tenant may see; null: of shared images alone. */
  roots(tenant: string | null, digest: string): Promise<Derivative[]>;
  saveDerivative(derivative: Derivative): Promise<void>;
}

export interface UploadRecord extends Upload {
  /** The image whose import reads it, the build that does, or the disk that is made of it; null while nothing of that kind was asked for. */
  image: string | null;
}

export interface UploadRepository {
  insert(upload: UploadRecord): Promise<void>;
  get(id: string): Promise<UploadRecord | undefined>;
  update(
    id: string,
    change: Partial<{ offset: number; size: number; complete: boolean; expiresAt: string; image: string | null }>,
  ): Promise<void>;
  delete(id: string): Promise<void>;
  /** Those that nobody continued and no import reads. */
  expired(before: string): Promise<UploadRecord[]>;
}

/** Bytes of uploads under way: a file each, appended to and flushed before an offset is acknowledged. */
export interface UploadStore {
  /** Appends at `offset` (bytes beyond it, left by a crash, are cut off first); returns the durable size, also when the sender breaks off. */
  append(
    id: string,
    offset: number,
    source: AsyncIterable<Uint8Array>,
    limit: number,
    signal?: AbortSignal,
  ): Promise<number>;
  size(id: string): Promise<number>;
  path(id: string): string;
  delete(id: string): Promise<void>;
  list(): Promise<string[]>;
}

/** Turns any accepted container into the plain disk, while hashing: see adapters/tools. */
export interface ImageUnpacker {
  /**
   * Decompresses `input` (a local file) into `output`, sparse where zero, and flushes it. `mayTake`: input is ours and may be linked instead of
   * copied. Throws RefusedError with image.broken, image.unsupported, image.too-large, storage.full.
   */
  unpack(
    input: string,
    output: string,
    options: {
      limit: number;
      signal: AbortSignal;
      mayTake: boolean;
      progress(done: number, total: number | null): void;
    },
  ): Promise<BlobInfo>;
  /** Fetches http(s) into `output`, resuming where the server can, with sha256 of the bytes as they came. */
  download(
    url: string,
    output: string,
    options: { limit: number; signal: AbortSignal; progress(done: number, total: number | null): void },
  ): Promise<BlobInfo>;
  /** sha256 of a local file. */
  digest(
    path: string,
    options: { signal: AbortSignal; progress(done: number, total: number): void },
  ): Promise<BlobInfo>;
  /** Builds a disk (MBR, FAT, ext4) from a tar of the boot files and a tar of the root. */
  assemble(
    bootTar: string,
    rootTar: string,
    output: string,
    options: {
      limit: number;
      signal: AbortSignal;
      /** Bytes; each step counts from 0. */
      progress: (step: string, done: number, total: number | null) => void;
    },
  ): Promise<BlobInfo>;
}

/** Makes the squashfs of an image's root, without root rights and without mounting. */
export interface RootPacker {
  pack(
    image: { path: string; offset: number; length: number },
    output: string,
    options: {
      compression: SquashfsCompression;
      signal: AbortSignal;
      progress(done: number, total: number | null): void;
    },
  ): Promise<BlobInfo>;
}

/** Reads what an image says about itself, in place. Throws RefusedError('image.broken' | 'image.unsupported') for what cannot be read. */
export interface ImageInspector {
  inspect(path: string): Promise<InspectedImage>;
}

export interface InspectedImage {
  readonly facts: ImageFacts;
  /** The boot partition's files and texts; `image` (the digest) is filled in by the caller. */
  readonly tree: Omit<BootTree, 'image'>;
}

/** Local paths an administrator allowed to import from. */
export interface ImportFolders {
  /** The real path of a file below one of them, with every link resolved; a refusal names the folders. */
  resolve(path: string): Promise<Result<{ path: string; size: number }>>;
}

export interface MadeInitramfs {
  readonly parts: InitramfsPart[];
  /** Every kernel that has a part can mount a root on a network block device. */
  readonly canAttach: boolean;
  /** Every kernel that has a part can mount a root over NFS. */
  readonly canMount: boolean;
  /** Every kernel that has a part can keep a root and its own boot files on a card. */
  readonly canUpdateCard: boolean;
  readonly warnings: string[];
}

/** The network-boot initramfs of an image, made when it is imported and again when a newer Drover brings newer scripts. */
export interface InitramfsMaker {
  /** Changes when what goes into any initramfs changes, besides the image. */
  recipe(): Promise<string>;
  /**
   * Makes every part this image's kernels need and stores each as a blob. Refuses with image.unfit when no kernel of the image can be used, and says in
   * `warnings` which ones cannot.
   */
  make(
    path: string,
    facts: ImageFacts,
    options: { signal: AbortSignal; progress(done: number, total: number): void },
  ): Promise<Result<MadeInitramfs>>;
  /** The part that only self-updating cards have, for one processor. */
  makeCardPart(architecture: InitramfsPart['architecture'], signal: AbortSignal): Promise<InitramfsPart>;
  /** Changes when what goes into that part changes. */
  cardRecipe(): Promise<string>;
  /** The squashfs compression that every kernel of the image which has modules can mount. */
  compression(path: string, facts: ImageFacts): Promise<SquashfsCompression>;
}

export type SquashfsCompression = 'gzip' | 'xz' | 'zstd' | 'lzo' | 'lz4';

/** Makes what turns one file into another, see packages/disk-image. */
export interface DeltaMaker {
  /** `next` from `old`, both local files. `store` gets its bytes, unless they are more than `limit`: undefined then. */
  make(
    files: { old: string; next: string },
    store: (bytes: AsyncIterable<Uint8Array>) => Promise<BlobInfo>,
    options: { limit: number; signal: AbortSignal; progress(done: number, total: number | null): void },
  ): Promise<BlobInfo | undefined>;
}
