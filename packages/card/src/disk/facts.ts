/** What Linux knows of a disk that somebody wants to write to. */
export interface DiskFacts {
  /** As it was named. */
  readonly path: string;
  /** `sdb`, `mmcblk0`: as the kernel names it. */
  readonly name: string;
  /** Name of the disk that it is a part of; undefined when it is a whole one. */
  readonly partOf: string | undefined;
  readonly model: string | undefined;
  /** Bytes; 0: a reader without a card. */
  readonly size: number;
  readonly readOnly: boolean;
  /** A card or a stick: made to be taken out. */
  readonly removable: boolean;
  readonly partitions: readonly DiskPart[];
  /** What uses the disk or a partition of it. */
  readonly uses: readonly DiskUse[];
}

export interface DiskPart {
  readonly name: string;
  readonly size: number;
}

export interface DiskUse {
  /** `sdb1`: the disk or a partition of it. */
  readonly name: string;
  readonly kind: 'mount' | 'swap' | 'holder';
  /** Where it is mounted, or the device that is made of it. */
  readonly by: string;
}
