import type { FirmwareKind, Model, RootMode } from '@drover/contract';

/**
 * Where bytes of a boot file come from. A file is a list of segments, so that a file of an image is read in place and a rendered one travels inline.
 * `zero` fills what a sparse file leaves out. A blob is one of the blob store, or of the boot plane's own copies of what lies on disks.
 */
export type Segment =
  | { readonly blob: string; readonly offset: number; readonly length: number }
  | { readonly inline: string; readonly length: number }
  | { readonly zero: true; readonly length: number };

/** `inline` segments hold base64. `size` is the sum of the segments' lengths. */
export interface FileSource {
  readonly size: number;
  readonly segments: readonly Segment[];
}

/** One file of an image's boot partition; `path` as written there, `/` between folders, no leading slash. */
export interface BootTreeFile {
  readonly path: string;
  readonly size: number;
  /** Offset and length pairs in the blob, in order. */
  readonly extents: readonly (readonly [offset: number, length: number])[];
  /** The blob they lie in, where that is not the tree's image: a file of a board's own disk, copied. */
  readonly blob?: string;
}

export interface BootTreeKernel {
  readonly file: string;
  readonly architecture: 'arm64' | 'arm' | 'other';
  readonly release: string | null;
}

/** The boot partition of one image: shared by every board that boots it, immutable, cached by its blob digest. */
export interface BootTree {
  readonly version: 1;
  /** Blob of the whole disk. */
  readonly image: string;
  readonly files: readonly BootTreeFile[];
  /** Text of config.txt and cmdline.txt, null where the image has none. */
  readonly config: string | null;
  readonly cmdline: string | null;
  /**
   * Text files by path, one character per byte, before `config` and `cmdline`: `include` and `os_prefix` lead to others. Filled in by whoever loads
   * the tree, from the image itself.
   */
  readonly texts?: Readonly<Record<string, string>>;
  readonly kernels: readonly BootTreeKernel[];
}

/**
 * A piece of an initramfs. Concatenated in order: common for the architecture, on a self-updating card what only such a card needs, on a card programs for
 * Wi-Fi, then modules of one kernel, and its drivers for Wi-Fi; for a root over NFS, the modules for that.
 */
export interface InitramfsPart {
  readonly kind: 'common' | 'card' | 'modules' | 'nfs' | 'wifi';
  readonly architecture: 'arm64' | 'armhf' | 'armel';
  /** Kernel release the modules are for; null for the others. */
  readonly release: string | null;
  readonly blob: string;
  readonly size: number;
}

/** What a board with a disk of its own boots instead of what the image has: its boot partition, and modules for kernels that only it has. */
export interface OwnBootFiles {
  readonly tree: BootTree;
  readonly initramfs: readonly InitramfsPart[];
}

/** Everything the boot plane needs to boot one device without asking again. Serialisable; changes with `generation`. */
export interface BootPlan {
  readonly generation: number;
  /** Blob digest of the boot tree. */
  readonly tree: string;
  readonly rootMode: RootMode;
  readonly kernelParameters: string;
  readonly initramfs: readonly InitramfsPart[];
  /** Digest of the image it may read as a network block device (root mode `stream`); null: of none. */
  readonly image: string | null;
  /** Disks it may attach, its system disk (root mode `nbd`) first. */
  readonly disks: readonly string[];
}

export interface PlannedDevice {
  readonly id: string;
  readonly hostname: string;
  readonly tenant: string | null;
  readonly site: string;
  readonly model: Model;
  readonly firmware: FirmwareKind;
  readonly mac: string | null;
  readonly bootPrefix: string | null;
  /** Full 16 hex digits where known. */
  readonly serial: string | null;
}

/** One boot as the boot plane opens it. The secret is derived from the id, see domain/boot-credential. */
export interface SessionIdentity {
  readonly id: string;
  readonly secret: string;
  /** `http://address:port` of the boot plane as this board reaches it. */
  readonly serverUrl: string;
  /** Path of the board's directory (root mode `nfs`), for images that name it in their command line. */
  readonly nfsRoot?: string | undefined;
  /** UDP port of the server's log listener, for a kernel that is to log to it. */
  readonly logPort?: number | undefined;
}
