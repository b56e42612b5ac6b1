// Names that a repeated call makes again as they were. Pure.

/** Text as a DNS label, at most `most` long. */
export const labelOf = (text: string, most: number): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, most)
    .replaceAll(/^-+|-+$/g, '') || 'x';

/** One for each board: what a VM before it left there is found by it. */
export const ephemeralDiskName = (device: string): string =>
  `bosh-ephemeral-${labelOf(device.replace(/^dev_/, ''), 40)}`;

/**
 * Where the agent finds a disk on its board, whatever it is attached as: a node that the stemcell makes (deploy/bosh/stemcell/files/bosh-disk-node). The links
 * below `/dev/disk/by-id` do not do: the agent appends the number of a partition, and takes what is mounted by a link for not mounted.
 */
export const diskPath = (name: string): string => `/dev/bosh/${name}`;

/** A snapshot is found by its disk and its id. */
export const snapshotCid = (disk: string, snapshot: string): string => `${disk}:${snapshot}`;
export const snapshotOf = (cid: string): { readonly disk: string; readonly snapshot: string } | undefined => {
  const [, disk, snapshot] = /^(dsk_\w+):(snp_\w+)$/.exec(cid) ?? [];
  return disk === undefined || snapshot === undefined ? undefined : { disk, snapshot };
};
