import { refusal, success, type Image, type Principal, type Refusal, type Result } from '@drover/contract';
import { isDemo } from '../../domain/demo.js';
import type { Transaction } from '../store/ports.js';
import type { ImageRecord } from './ports.js';

/** `name:version`, `name` (the newest that is ready) or an id. */
export function parseImageRef(ref: string): { id: string } | { name: string; version: string | undefined } {
  if (/^img_/.test(ref)) return { id: ref };
  const colon = ref.indexOf(':');
  return colon < 0 ? { name: ref, version: undefined } : { name: ref.slice(0, colon), version: ref.slice(colon + 1) };
}

/** Whether a caller of that tenant may see the image; `undefined` sees all. */
const visible = (image: ImageRecord, tenant: string | null | undefined): boolean =>
  tenant === undefined || image.tenant === null || image.tenant === tenant;

/** The image a caller means, among those its tenant sees. `tenant` null: a key of the whole installation. */
export async function findImage(tx: Transaction, tenant: string | null, ref: string): Promise<Result<ImageRecord>> {
  const parsed = parseImageRef(ref);
  const image =
    'id' in parsed ? await tx.images.get(parsed.id) : await tx.images.find(tenant, parsed.name, parsed.version);
  if (image !== undefined && visible(image, tenant ?? undefined)) return success(image);
  return noImage(ref);
}

/** The image a key means, to look into. The demo key shows what its tenant has, and not what tenants of an installation share. */
export async function findImageFor(tx: Transaction, who: Principal, ref: string): Promise<Result<ImageRecord>> {
  const found = await findImage(tx, who.tenant, ref);
  return found.ok && !shows(who, found.value) ? noImage(ref) : found;
}

export const shows = (who: Principal, { tenant }: Pick<ImageRecord, 'tenant'>): boolean =>
  !isDemo(who) || tenant === who.tenant;

const noImage = (ref: string): Refusal =>
  refusal('image.not-found', `There is no image ${ref}.`, { remedy: 'See `drover image list`.' });

export const presentImage = ({ revision, source: _source, ...image }: ImageRecord): Image => ({
  ...image,
  ref: `${image.name}:${image.version}`,
  etag: `"${revision}"`,
});
