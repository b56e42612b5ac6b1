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

const labelPrefix = 'bosh/';
const mostLabels = 64;
type Labels = Readonly<Record<string, string>>;

/** Labels of a board without those of a VM. */
export const withoutVmLabels = (labels: Labels): Record<string, string> =>
  Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith(labelPrefix)));

/** Labels of a board with those that tell of its VM, in place of what it had of these. What has no place or no form of a label is made to fit or left out. */
export const withVmLabels = (labels: Labels, metadata: Readonly<Record<string, unknown>>): Record<string, string> => {
  const own = withoutVmLabels(labels);
  const told = Object.entries(metadata).flatMap(([key, value]) => {
    const name = key
      .toLowerCase()
      .replaceAll(/[^a-z0-9._-]+/g, '-')
      .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, '')
      .slice(0, 58);
    const isText = ['string', 'number', 'boolean'].includes(typeof value);
    if (name === '' || !/[a-z0-9]$/.test(name) || !isText) return [];
    return [
      [
        `${labelPrefix}${name}`,
        String(value)
          .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
          .slice(0, 63),
      ] as const,
    ];
  });
  return { ...own, ...Object.fromEntries(told.slice(0, mostLabels - Object.keys(own).length)) };
};

/** Labels of a VM's own among those of a board. */
export const vmLabels = (labels: Labels): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels)
      .filter(([key]) => key.startsWith(labelPrefix))
      .map(([key, value]) => [key.slice(labelPrefix.length), value]),
  );

/** A snapshot is found by its disk and its id. */
export const snapshotCid = (disk: string, snapshot: string): string => `${disk}:${snapshot}`;
export const snapshotOf = (cid: string): { readonly disk: string; readonly snapshot: string } | undefined => {
  const [, disk, snapshot] = /^(dsk_\w+):(snp_\w+)$/.exec(cid) ?? [];
  return disk === undefined || snapshot === undefined ? undefined : { disk, snapshot };
};
