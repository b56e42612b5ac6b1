import { refusal, RefusedError } from '@drover/contract';
import { ImageError } from '@drover/disk-image';
import { codeOf } from '../file-error.js';

export const notFound = (disk: string): RefusedError =>
  new RefusedError(refusal('disk.not-found', `There is no disk ${disk}.`));

export const noSnapshot = (disk: string, snapshot: string): RefusedError =>
  new RefusedError(refusal('snapshot.not-found', `The disk ${disk} has no snapshot ${snapshot}.`));

export const invalid = (field: string, detail: string, remedy: string): RefusedError =>
  new RefusedError(refusal('disk.invalid', detail, { remedy, errors: [{ field, message: detail }] }));

const ourWords: Readonly<Record<string, 'disk.invalid' | undefined>> = {
  'image.qcow2.parameter': 'disk.invalid',
  'image.qcow2.shrink': 'disk.invalid',
};

/** Says in our words what the files or the system refused; hands every other error back. */
export function refused(disk: string, error: unknown): unknown {
  if (error instanceof ImageError) {
    const code = ourWords[error.code] ?? 'disk.broken';
    const more = error.remedy === undefined ? {} : { remedy: error.remedy };
    return new RefusedError(refusal(code, `The disk ${disk}: ${error.message} (${error.code})`, more));
  }
  const code = codeOf(error);
  if (code === 'EBUSY') {
    return new RefusedError(
      refusal('disk.in-use', `Another process has the files of the disk ${disk} open.`, {
        remedy: 'Only one server may use a data folder. Stop the other one, or whatever reads the file with a lock.',
      }),
    );
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new RefusedError(
      refusal('storage.full', 'There is no room left where the disks are kept.', {
        remedy: 'Free space there, or move dataDir.',
      }),
    );
  }
  return error;
}
