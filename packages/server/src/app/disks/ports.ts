/** Bytes of an export that are known to be zeroes, without anyone having to hold them. */
export interface Zeroes {
  /** How many, at least one. */
  readonly zeroes: number;
}

/**
 * What a read brings: the bytes, or pieces that together are as long as what was asked for. Nobody may change them
 * afterwards: they are sent from where they are.
 */
export type DiskContent = Uint8Array | readonly (Uint8Array | Zeroes)[];

/** A run of bytes with the same status. */
export interface DiskExtent {
  /** Bytes, at least one. */
  readonly length: number;
  /** Bit 0: not allocated. Bit 1: reads as zeroes. The flags of NBD's metadata context `base:allocation`. */
  readonly flags: number;
}

export interface DiskBlockSize {
  /** Least unit of offset and length in bytes: a power of two, 1 to 65536. */
  readonly minimum: number;
  /** Requests of this size and alignment are efficient: a power of two, at least 512. */
  readonly preferred: number;
  /** Longest read or write in bytes: a multiple of `minimum`. The listener may allow less. */
  readonly maximum: number;
}

/** Gives a result at once or later. Whoever can answer from memory should do so at once: it is far cheaper. */
export type Soon<T> = T | Promise<T>;

/**
 * A disk as one connection uses it. Offsets and lengths are bytes, within `size` and multiples of the minimum block
 * size; lengths may be zero. Operations run concurrently and complete in any order.
 *
 * An operation that fails throws or rejects. A `code` of the error says what the client is told: ENOSPC (also EDQUOT
 * and EFBIG), EPERM (also EACCES and EROFS), EINVAL, ENOMEM, ENOTSUP, ESHUTDOWN, and EIO for everything else, which is
 * logged as a fault.
 *
 * Optional operations are offered to the client when they are there. Those that write are not called when `readOnly`.
 */
export interface DiskExport {
  /** What logs and events call it: never the name it was opened by, which is a secret. */
  readonly label: string;
  /** Bytes, a multiple of `blockSize.minimum`. */
  readonly size: number;
  readonly readOnly: boolean;
  /** `flush` and `fua` cover what any connection to the same disk has written. */
  readonly canMultiConn: boolean;
  readonly blockSize: DiskBlockSize;
  /** For a person, shown to any client that asks. */
  readonly description?: string;
  /**
   * `memory`: of the caller, as long as what is read or longer, for content that is in no memory of the disk's own. It is the caller's again when the read
   * is done, unless the content lies in it; after a failure the disk may still use it.
   */
  read(offset: number, length: number, memory?: Uint8Array): Soon<DiskContent>;
  /** `bytes` are the caller's again when it is done. `fua`: not before it is on stable storage. */
  write(offset: number, bytes: Uint8Array, fua: boolean): Soon<void>;
  /** What was written by operations that are done is on stable storage when this is. */
  flush?(): Soon<void>;
  /** The content is no longer needed. */
  trim?(offset: number, length: number, fua: boolean): Soon<void>;
  /** `noHole`: the space stays allocated. `fast`: reject with ENOTSUP at once if this is no faster than a write. */
  writeZeroes?(offset: number, length: number, how: WriteZeroes): Soon<void>;
  /** The content will be read soon. */
  cache?(offset: number, length: number): Soon<void>;
  /** Status from `offset` on, as far as is cheap to know. `one`: the first extent is all that is wanted. */
  blockStatus?(offset: number, length: number, one: boolean): Soon<Iterable<DiskExtent>>;
  /** The connection is gone; all operations are done. */
  close(): Promise<void>;
}

export interface WriteZeroes {
  readonly fua: boolean;
  readonly noHole: boolean;
  readonly fast: boolean;
}

/** A client's connection, for whoever decides what it may open. */
export interface DiskConnection {
  /** Unique in this process. */
  readonly id: number;
  /** Ends it in order: operations under way are answered, the client may connect again. `reason` is for the log. */
  end(reason: string): void;
}

export interface DiskOpenRequest {
  /** As the client sent it: any text of up to 4096 bytes. A secret; never log it. */
  readonly name: string;
  readonly peerAddress: string;
  readonly connection: DiskConnection;
  /** Over TLS. */
  readonly tls: boolean;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

export type DiskOpened =
  | { readonly ok: true; readonly export: DiskExport }
  | {
      readonly ok: false;
      readonly reason: 'unknown' | 'policy' | 'tls-required' | 'shutting-down';
      /** Shown to the client, and logged: without the name. */
      readonly message: string;
    };

/** Which disks there are, and who may have them. */
export interface ExportDirectory {
  open(request: DiskOpenRequest): Promise<DiskOpened>;
  /** For clients that list, if the settings let them. */
  list?(peerAddress: string): Promise<readonly { readonly name: string; readonly description?: string }[]>;
}
