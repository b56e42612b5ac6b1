import type { CloneMethod } from '@drover/contract';
import type { Service } from '../ports.js';

/** What a directory holds when it is new. */
export type DirectoryOrigin =
  /** The files of one partition of an image, by the digest of its blob. */
  | { readonly kind: 'image'; readonly digest: string; readonly partition: number }
  /** A sparse file `disk.img` of so many bytes. */
  | { readonly kind: 'empty'; readonly size: number };

export interface DirectoryPlan {
  readonly disk: string;
  readonly origin: DirectoryOrigin;
}

export interface DirectoryFacts {
  /** Null: it was made of nothing. */
  readonly clone: CloneMethod | null;
  /** Bytes that go when it is deleted; null where it shares them in a way that the file system does not tell. */
  readonly ownBytes: number | null;
  /** What clients see. */
  readonly folder: string;
  /** 1 to 65535, no other directory's, the same for as long as this one is there. */
  readonly number: number;
}

export interface DirectoryProgress {
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number) => void;
}

/** Directories of boards on this server. All of it may be repeated; a crash leaves a directory or none. Throws RefusedError. */
export interface DirectoryPool {
  create(plan: DirectoryPlan, options: DirectoryProgress): Promise<void>;
  /** Undefined for one that is not there. */
  facts(disk: string): Promise<DirectoryFacts | undefined>;
  /** Without counting what it takes, which reads all of it. */
  place(disk: string): Pick<DirectoryFacts, 'folder' | 'number'> | undefined;
  remove(disk: string): Promise<void>;
}

/** Who may mount a directory: one board, at one address. */
export interface NfsExport {
  readonly disk: string;
  readonly folder: string;
  readonly number: number;
  readonly address: string;
  readonly readOnly: boolean;
}

/** An NFS server. */
export interface NfsServer extends Service {
  readonly port: number;
  /** Of the MOUNT protocol, which version 3 needs; 0: the port mapper knows. */
  readonly mountPort: number;
  /** Versions that it speaks, the first to be tried first. Known once it was started. */
  versions(): '3,4' | '3' | '4';
  /** What clients mount. */
  path(place: Pick<NfsExport, 'disk' | 'folder'>): string;
  /** These and no others from now on: those that were there and are not named end. Throws RefusedError when the server does not do it. */
  apply(exports: readonly NfsExport[]): Promise<void>;
}

/** Who had what, over restarts of the boot plane. */
export interface ExportMemory {
  load(): Promise<readonly RememberedExport[]>;
  save(exports: readonly RememberedExport[]): Promise<void>;
}

export interface RememberedExport {
  readonly disk: string;
  readonly device: string;
  readonly session: string;
  readonly address: string;
  readonly readOnly: boolean;
}
