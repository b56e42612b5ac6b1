import { refOf } from '../configs/places.js';
import type { ImageRecord } from '../images/ports.js';
import type { Transaction } from '../store/ports.js';

/** The image of exactly that owner, name and version. */
export async function imageNamed(
  tx: Transaction,
  tenant: string | null,
  name: string,
  version: string,
): Promise<ImageRecord | undefined> {
  for (let cursor: string | undefined; ;) {
    const page = await tx.images.list({ tenant, name }, { limit: 500, ...(cursor === undefined ? {} : { cursor }) });
    const found = page.items.find((image) => image.tenant === tenant && image.version === version);
    if (found !== undefined || page.next === null) return found;
    cursor = page.next;
  }
}

/** An image that a build makes, before anything of it is recorded. */
export const newImage = ({
  id,
  tenant,
  name,
  version,
  job,
  at,
  build,
}: {
  readonly id: string;
  readonly tenant: string | null;
  readonly name: string;
  readonly version: string;
  readonly job: string | null;
  readonly at: string;
  readonly build: string;
}): ImageRecord => ({
  ...{ id, tenant, name, version, job },
  ...{ state: 'importing', stateReason: null, digest: null, size: null, facts: null },
  ...{ createdAt: at, updatedAt: at, revision: 1, source: { kind: 'build', build } },
});

/** Whether a build made the image, and nobody brought it. */
export const isBuilt = ({ source }: ImageRecord): boolean => source['kind'] === 'build';

/** Names of devices, disks and boot configs that have the image. A config that names no version has whatever is newest. */
export const usersOf = async (
  tx: Transaction,
  { id, tenant, name, version, digest }: ImageRecord,
): Promise<string[]> => [
  ...(await tx.images.usedBy(id)),
  ...(await tx.bootLayers.namingImage(tenant ?? undefined, [id, `${name}:${version}`])).map(refOf),
  ...(digest === null ? [] : await tx.disks.onBase(digest)),
];
