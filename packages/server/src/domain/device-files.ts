import { createHash } from 'node:crypto';
import type { IdentityFile } from './identity-tar.js';

/** A file that a device has besides its image's, as far as boards compare it. */
export interface ListedFile {
  /** Relative: `etc/app/token`. */
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sha256: string;
}

/** In memory of the board, never on its root: `device/lib/files.sh` takes it from there. */
const manifestPath = 'run/drover/files/manifest';

/** Of two with one path the later counts. In the order of their paths. */
export function lastOfEach<T extends { readonly path: string }>(files: readonly T[]): T[] {
  const last = new Map(files.map((file) => [file.path, file]));
  return [...last.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** A line for each: `SHA256 MODE UID GID PATH`, mode in octal, path absolute. A line that is another is a file that changed. */
const manifestText = (files: readonly ListedFile[]): string =>
  lastOfEach(files)
    .map(
      ({ path, mode, uid, gid, sha256 }) => `${sha256} ${mode.toString(8).padStart(4, '0')} ${uid} ${gid} /${path}\n`,
    )
    .join('');

/** Travels with the files, so that a board knows what of its system is from here. */
export const manifestFile = (files: readonly ListedFile[]): IdentityFile => ({
  ...{ path: manifestPath, mode: 0o600, text: manifestText(files) },
});

/** What the files are called as a whole: sha256 of their manifest. */
export const manifestDigest = (files: readonly ListedFile[]): string =>
  createHash('sha256').update(manifestText(files)).digest('hex');
