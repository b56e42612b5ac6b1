import { refusal, success, type BootDocument, type Refusal, type Result } from '@drover/contract';
import { infoValues, type CardImage } from '../../domain/card-document.js';
import { folderOf, ownFolderOf } from '../../domain/published-builds.js';
import type { BlobStore } from '../blobs/ports.js';
import type { BuildRecord } from '../builds/records.js';
import { findImage } from '../images/refs.js';
import type { Transaction } from '../store/ports.js';

/** The build whose files a card is to get; undefined: the document names no image. */
export async function imageOfDocument(
  tx: Transaction,
  tenant: string,
  { image }: BootDocument,
): Promise<Result<BuildRecord> | undefined> {
  if (image === undefined || image === null || image === '') return undefined;
  const found = await findImage(tx, tenant, image);
  if (!found.ok) return found;
  for (const id of await tx.builds.ofImage(found.value.id)) {
    const build = await tx.builds.get(id);
    if (build !== undefined && needed.every((name) => build.files.some((file) => file.name === name)))
      return success(build);
  }
  return unfit(image);
}

const needed = ['initfs.tgz', 'rootfs.sqsh', 'info.sh'] as const;

const unfit = (image: string): Refusal =>
  refusal('image.unfit', `The image ${image} has no files for cards (initfs.tgz, rootfs.sqsh).`, {
    remedy: 'Name an image that a recipe was built to, or give the files: --initfs URL --rootfs URL.',
  });

/** Reaches files of builds that are not published, for whoever may boot them: see listeners/http/cattlepi/images.ts. */
const folderFor = (build: BuildRecord): string => (build.publish ? folderOf : ownFolderOf)(build);

const infoBytes = 64 * 1024;

/** Addresses below `base`, and digests, of a build's files. md5 is for old cards: the build wrote it down. */
export async function cardImageOf(
  blobs: Pick<BlobStore, 'read'>,
  build: BuildRecord,
): Promise<Result<(base: string) => CardImage>> {
  const info = build.files.find(({ name }) => name === 'info.sh');
  if (info === undefined || info.size > infoBytes) return unfit(build.image ?? build.id);
  const values = infoValues(Buffer.from(await blobs.read(info.sha256, 0, info.size)).toString('utf8'));
  const folder = folderFor(build);
  const file = (base: string, name: 'initfs.tgz' | 'rootfs.sqsh', md5: string) => {
    const sha256 = build.files.find((each) => each.name === name)?.sha256;
    const md5sum = values.get(md5) ?? '';
    return { url: `${base}${folder}/${name}`, md5sum, ...(sha256 === undefined ? {} : { sha256 }) };
  };
  return success((base) => ({
    initfs: file(base, 'initfs.tgz', 'INITFSMD5'),
    rootfs: file(base, 'rootfs.sqsh', 'ROOTFSMD5'),
  }));
}
