interface CpioCommon {
  /** Relative, without `.` and `..` parts: `usr/bin/busybox`. */
  path: string;
  /** The lower 12 bits. Default 0755 for directories, 0644 for files, 0777 for links, 0600 for devices. */
  mode?: number;
  /** Default 0. */
  uid?: number;
  gid?: number;
  /** Seconds since 1970. Default: the archive's. */
  mtime?: number;
}

export type CpioEntry =
  | (CpioCommon & { kind: 'directory' | 'fifo' })
  | (CpioCommon & { kind: 'file'; data: Uint8Array })
  | (CpioCommon & { kind: 'symlink'; target: string })
  | (CpioCommon & { kind: 'char' | 'block'; major: number; minor: number });

export interface PackCpioOptions {
  /** Seconds since 1970 for entries without their own. Default 0, so that the same entries give the same bytes. */
  mtime?: number;
  /** Put in the parent directories that are not listed (0755). Default true: the kernel drops what has none. */
  parents?: boolean;
}

export interface CpioRecord {
  path: string;
  kind: 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';
  inode: number;
  /** The lower 12 bits. */
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  mtime: number;
  major: number;
  minor: number;
  /** Content of a file, target of a link. */
  data: Uint8Array;
}
