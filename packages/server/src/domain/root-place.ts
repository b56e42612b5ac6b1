import type { ImageFacts } from '@drover/contract';

export const rootFileSystems = ['ext2', 'ext3', 'ext4', 'squashfs'] as const;
export type RootFileSystem = (typeof rootFileSystems)[number];

/** Where a root is on a block device that shows a whole image. */
export interface RootPlace {
  /** Number of the partition. */
  readonly partition: number;
  readonly fileSystem: RootFileSystem;
}

/** The root partition of an image; undefined when it has none that can be attached. */
export function rootPlace(facts: ImageFacts | null): RootPlace | undefined {
  const root = facts?.partitions.find(({ number }) => number === facts.rootPartition);
  const fileSystem = rootFileSystems.find((each) => each === root?.fileSystem);
  return root === undefined || fileSystem === undefined ? undefined : { partition: root.number, fileSystem };
}
