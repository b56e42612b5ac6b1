import { createHash } from 'node:crypto';

// Names and keys that a repeated call makes again as they were. Pure.

const digest = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** An Idempotency-Key for one step of one call. */
export const idempotencyKey = (...parts: readonly unknown[]): string => `bosh-${digest(...parts).slice(0, 48)}`;

/** Text as a DNS label, at most `most` long. */
export const labelOf = (text: string, most: number): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, most)
    .replaceAll(/^-+|-+$/g, '') || 'x';

/** Images that a director had imported: it may delete these, and no others. */
const imagePrefix = (director: string): string => `bosh-${digest(director).slice(0, 8)}-`;
export const isImportedBy = (director: string, image: string): boolean => image.startsWith(imagePrefix(director));

/** What a stemcell is called on the server: the same content under another name or version is another stemcell. `sha256` is of the file. */
export const imageNameOf = (
  director: string,
  stemcell: { readonly name: string; readonly version: string },
  sha256: string,
): { readonly name: string; readonly version: string } => {
  const prefix = imagePrefix(director);
  const version = stemcell.version.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^[^A-Za-z0-9]+/g, '');
  return {
    name: `${prefix}${labelOf(stemcell.name, 63 - prefix.length)}`,
    version: `${version === '' ? '0' : version}-${sha256.slice(0, 12)}`,
  };
};

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
