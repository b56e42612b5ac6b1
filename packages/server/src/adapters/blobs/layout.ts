import { join } from 'node:path';
import { refusal, RefusedError, Sha256, UploadId } from '@drover/contract';

/** `<root>/sha256/ab/abcdef...`: 256 folders, so that none gets too long. */
export interface Layout {
  readonly root: string;
  readonly temporary: string;
  readonly digests: string;
  /** Path of a blob. A digest comes from outside, so it is checked before it becomes a path. Throws RefusedError blob.not-found. */
  path(digest: string): string;
  folder(digest: string): string;
}

export const isDigest = (text: string): boolean => Sha256.safeParse(text).success;

const checked = (digest: string): string => {
  if (isDigest(digest)) return digest;
  throw new RefusedError(
    refusal('blob.not-found', 'A blob is named by its sha256 in 64 lower-case hex digits', {
      errors: [{ field: 'digest', message: 'is not a sha256' }],
    }),
  );
};

export const createLayout = (root: string): Layout => {
  const digests = join(root, 'sha256');
  const folder = (digest: string): string => join(digests, checked(digest).slice(0, 2));
  return {
    root,
    digests,
    temporary: join(root, 'tmp'),
    folder,
    path: (digest) => join(folder(digest), digest),
  };
};

/** File of an upload. Throws RefusedError upload.not-found for what is no id. */
export const uploadPath = (folder: string, id: string): string => {
  if (UploadId.safeParse(id).success) return join(folder, id);
  throw new RefusedError(refusal('upload.not-found', 'An upload is named by an id of the form upl_...'));
};
