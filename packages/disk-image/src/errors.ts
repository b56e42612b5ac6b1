/** Stable codes of everything this library refuses. Messages may change, codes do not. */
export type ImageErrorCode =
  | 'image.truncated'
  | 'image.too-large'
  | 'image.not-found'
  | 'image.not-a-file'
  | 'image.not-a-directory'
  | 'image.name-unsafe'
  | 'image.number-too-large'
  | 'image.no-partition-table'
  | 'image.no-boot-partition'
  | 'image.partition.corrupt'
  | 'image.partition.past-end'
  | 'image.partition.overlap'
  | 'image.partition.loop'
  | 'image.partition.count'
  | 'image.gpt.corrupt'
  | 'image.fat.not-fat'
  | 'image.fat.corrupt'
  | 'image.fat.past-end'
  | 'image.fat.chain'
  | 'image.fat.loop'
  | 'image.fat.cross-linked'
  | 'image.fat.duplicate-name'
  | 'image.fat.too-many-entries'
  | 'image.fat.too-deep'
  | 'image.ext4.not-ext4'
  | 'image.ext4.corrupt'
  | 'image.ext4.past-end'
  | 'image.ext4.checksum'
  | 'image.ext4.unsupported'
  | 'image.ext4.needs-recovery'
  | 'image.ext4.symlink-loop'
  | 'image.ext4.directory-loop'
  | 'image.ext4.cross-linked'
  | 'image.ext4.path-too-long'
  | 'image.qcow2.not-qcow2'
  | 'image.qcow2.unsupported'
  | 'image.qcow2.corrupt'
  | 'image.qcow2.past-end'
  | 'image.qcow2.overlap'
  | 'image.qcow2.parameter'
  | 'image.qcow2.backing'
  | 'image.qcow2.range'
  | 'image.qcow2.read-only'
  | 'image.qcow2.shrink'
  | 'image.qcow2.full'
  | 'image.qcow2.failed'
  | 'image.qcow2.closed'
  | 'image.squashfs.root'
  | 'image.delta.corrupt'
  | 'image.cpio.corrupt'
  | 'image.cpio.entry'
  | 'image.compression.unsupported'
  | 'image.compression.corrupt'
  | 'image.modules.no-dependency-list'
  | 'image.modules.corrupt';

export interface ImageErrorDetail {
  /** What a person can do about it. */
  remedy?: string;
  /** Byte offset in the source or window that was being read. */
  at?: number;
  cause?: unknown;
}

/** The one error of this library: bytes of an image that cannot be read as asked. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code: ImageErrorCode;
  readonly remedy?: string;
  readonly at?: number;

  constructor(code: ImageErrorCode, message: string, detail: ImageErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    if (detail.remedy !== undefined) this.remedy = detail.remedy;
    if (detail.at !== undefined) this.at = detail.at;
  }
}
