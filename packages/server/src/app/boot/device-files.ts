import { createHash } from 'node:crypto';
import { lastOfEach, manifestDigest, manifestFile, type ListedFile } from '../../domain/device-files.js';
import { identityTar, type OwnFile } from '../../domain/identity-tar.js';
import type { Store, Transaction } from '../store/ports.js';

/** Files that a device gets besides those that somebody gave it, which count more. */
export type MoreFiles = (tx: Transaction, device: string) => Promise<OwnFile[]>;

interface Deps {
  readonly store: Store;
  readonly moreFiles: MoreFiles;
}

export interface FilesOfDevices {
  /** All of them, each path once. */
  readonly of: (tx: Transaction, device: string) => Promise<OwnFile[]>;
  /** What they are called as a whole; changes with any of them. */
  readonly digest: (device: string) => Promise<string>;
  /**
   * An archive of them with their manifest, for the board at that boot. Null when the boot proved nothing, was revoked, or is of another assignment than the device
   * has now: what is in them may be for somebody else.
   */
  readonly ofSession: (session: string) => Promise<Buffer | null>;
}

export const createFilesOfDevices = ({ store, moreFiles }: Deps): FilesOfDevices => {
  const of: FilesOfDevices['of'] = async (tx, device) => {
    const own = await tx.deviceFiles.all(device);
    const laidOver = own.map(({ path, mode, uid, gid, content }) => ({
      ...{ path: path.slice(1), mode: parseInt(mode, 8), uid, gid, bytes: content },
    }));
    return lastOfEach([...(await moreFiles(tx, device)), ...laidOver]);
  };
  return {
    of,
    // Their bytes stay where they are: thousands of boards may ask.
    digest: (device) =>
      store.read(async (tx) => {
        const own = (await tx.deviceFiles.list(device)).map(({ path, mode, uid, gid, sha256 }) => ({
          ...{ path: path.slice(1), mode: parseInt(mode, 8), uid, gid, sha256 },
        }));
        return manifestDigest([...(await moreFiles(tx, device)).map(listed), ...own]);
      }),
    ofSession: (id) =>
      store.read(async (tx) => {
        const session = await tx.sessions.get(id);
        if (session === undefined || session.outcome === 'revoked' || session.nonceHash === null) return null;
        const assignment = (await tx.devices.get(session.device))?.assignment;
        if (assignment == null || assignment.generation !== session.generation) return null;
        return filesTar(await of(tx, session.device));
      }),
  };
};

const listed = ({ bytes, ...rest }: OwnFile): ListedFile => ({
  ...rest,
  sha256: createHash('sha256').update(bytes).digest('hex'),
});

/** The manifest of such files. */
export const manifestOf = (files: readonly OwnFile[]) => manifestFile(files.map(listed));

const filesTar = (files: readonly OwnFile[]): Buffer => identityTar([manifestOf(files)], files);
