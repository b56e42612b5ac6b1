import {
  refusal,
  success,
  type FieldError,
  type ImageCreate,
  type ImageSource,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import type { Transaction } from '../store/ports.js';
import type { UploadRecord } from './ports.js';

/** Upload ids a source names, each with the field that names it. */
export const namedUploads = (source: ImageSource): readonly (readonly [field: string, id: string])[] => {
  if (source.kind === 'upload') return [['source.upload', source.upload]];
  if (source.kind !== 'tars') return [];
  return [
    ['source.boot', source.boot],
    ['source.root', source.root],
  ];
};

/** Why an upload may not be touched: an import or a build reads it, or a disk is made of it. undefined when none does. */
export const usedByImport = async (
  tx: Transaction,
  { id, image }: UploadRecord,
  errors?: FieldError[],
): Promise<Refusal | undefined> => {
  if (image === null) return undefined;
  const importing = await tx.images.get(image);
  const disk = importing === undefined ? await tx.disks.get(image) : undefined;
  const build = await tx.builds.get(image);
  const ref = importing === undefined ? (disk?.name ?? image) : `${importing.name}:${importing.version}`;
  const what = disk !== undefined ? 'made into the disk' : build !== undefined ? 'used by the build' : 'imported as';
  return refusal('upload.in-use', `The upload ${id} is being ${what} ${ref}.`, {
    remedy: `Wait until that ended, or stop it: drover job cancel ${importing?.job ?? disk?.job ?? build?.job ?? ''}`,
    conflicts: [ref],
    ...(errors === undefined ? {} : { errors }),
  });
};

/** Whether an import of this caller may read the uploads that its source names: they are its own, whole, and no other import has them. */
export const checkUploads = async (
  tx: Transaction,
  who: Principal,
  { source, sha256 }: Pick<ImageCreate, 'source' | 'sha256'>,
): Promise<Result<null>> => {
  if (source.kind === 'tars' && sha256 !== undefined) return noDigest();
  if (source.kind === 'tars' && source.boot === source.root) return sameTwice(source.boot);
  for (const [field, id] of namedUploads(source)) {
    const checked = await checkUpload(tx, who, field, id);
    if (!checked.ok) return checked;
  }
  return success(null);
};

/** Whether this caller may have something made of an upload, which `field` names. */
export const checkUpload = async (
  tx: Transaction,
  who: Principal,
  field: string,
  id: string,
): Promise<Result<UploadRecord>> => {
  const upload = await tx.uploads.get(id);
  if (upload === undefined || (who.tenant !== null && upload.tenant !== who.tenant)) return absent(field, id);
  if (!upload.complete) return incomplete(field, upload);
  const inUse = await usedByImport(tx, upload, [{ field, message: 'is in use already' }]);
  return inUse ?? success(upload);
};

const absent = (field: string, id: string) =>
  refusal('upload.not-found', `There is no upload ${id}.`, {
    errors: [{ field, message: 'names no upload' }],
    remedy: 'Upload the file first.',
  });

const incomplete = (field: string, { id, offset, size }: UploadRecord) =>
  refusal('upload.incomplete', `The upload ${id} stands at ${offset} of ${size ?? 'unknown'} bytes.`, {
    errors: [{ field, message: 'is not complete' }],
    remedy: 'Continue it to its end.',
  });

const noDigest = () =>
  refusal('request.invalid', 'A sha256 cannot be checked for two tars: the disk is made from them.', {
    errors: [{ field: 'sha256', message: 'goes with one file only' }],
    remedy: 'Leave it out, and check the tars before they are uploaded.',
  });

const sameTwice = (id: string) =>
  refusal('request.invalid', `The upload ${id} cannot be both tars.`, {
    errors: [{ field: 'source.root', message: 'names the same upload as source.boot' }],
    remedy: 'Upload the tar of the boot files and that of the root, and name both.',
  });
