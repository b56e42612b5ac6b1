import type { ImageFacts, RootMode } from '@drover/contract';

export const rootFileSystems = ['ext2', 'ext3', 'ext4', 'squashfs'] as const;
export type RootFileSystem = (typeof rootFileSystems)[number];

/** Where a root is on a block device. */
export interface RootPlace {
  /** Number of the partition; 0: the device is the file system itself. */
  readonly partition: number;
  readonly fileSystem: RootFileSystem;
}

/**
 * Whether boards of that mode need the root packed as a squashfs: `ram` and `sd` download it; `stream` reads it where the image's own root cannot be read as it is,
 * because nobody may write what its journal holds.
 */
export const needsPackedRoot = (mode: RootMode, facts: ImageFacts | null): boolean =>
  mode === 'ram' || mode === 'sd' || (mode === 'stream' && facts?.rootNeedsRecovery === true);

/** Where the root is on a device that shows the packed root itself. */
export const packedPlace: RootPlace = { partition: 0, fileSystem: 'squashfs' };

/** The root partition of an image; undefined when it has none that can be attached. */
export function rootPlace(facts: ImageFacts | null): RootPlace | undefined {
  const root = facts?.partitions.find(({ number }) => number === facts.rootPartition);
  const fileSystem = rootFileSystems.find((each) => each === root?.fileSystem);
  return root === undefined || fileSystem === undefined ? undefined : { partition: root.number, fileSystem };
}
