import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { UploadSource } from '@drover/sdk';

/** A local file that can be read anywhere, and told apart from another version of itself. */
export interface LocalFile extends UploadSource {
  readonly path: string;
  readonly modifiedMs: number;
  close(): Promise<void>;
}

const readFully = async (handle: FileHandle, start: number, end: number): Promise<Uint8Array> => {
  const bytes = new Uint8Array(end - start);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) throw new Error('the file became shorter while it was uploaded');
    filled += bytesRead;
  }
  return bytes;
};

export const openLocalFile = async (path: string): Promise<LocalFile> => {
  const handle = await open(path, 'r');
  const { size, mtimeMs } = await handle.stat();
  return {
    path: resolve(path),
    size,
    modifiedMs: mtimeMs,
    read: (start, end) => readFully(handle, start, end),
    close: () => handle.close(),
  };
};

/** Which upload belongs to which file, so that an interrupted one goes on instead of beginning anew. */
export interface UploadNotes {
  find(server: string, file: LocalFile): string | undefined;
  put(server: string, file: LocalFile, upload: string): void;
  forget(server: string, file: LocalFile): void;
}

/** Notes kept at most: uploads end on the server when nobody goes on with them. */
const maxNotes = 100;

/** The same file in the same state: a changed one gets an upload of its own. */
const noteKey = (server: string, { path, size, modifiedMs }: LocalFile): string =>
  createHash('sha256')
    .update(JSON.stringify([server, path, size, modifiedMs]))
    .digest('hex')
    .slice(0, 32);

export const createUploadNotes = (file: string): UploadNotes => {
  const read = (): Record<string, string> => {
    try {
      const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
      return typeof value === 'object' && value !== null ? (value as Record<string, string>) : {};
    } catch {
      // Absent or broken: at worst an upload begins anew.
      return {};
    }
  };
  const write = (notes: Record<string, string>): void => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const kept = Object.fromEntries(Object.entries(notes).slice(-maxNotes));
    const fresh = `${file}.${process.pid}.new`;
    writeFileSync(fresh, JSON.stringify(kept), { mode: 0o600 });
    renameSync(fresh, file);
  };
  return {
    find: (server, local) => read()[noteKey(server, local)],
    put: (server, local, upload) => {
      write({ ...read(), [noteKey(server, local)]: upload });
    },
    forget: (server, local) => {
      const { [noteKey(server, local)]: _gone, ...rest } = read();
      write(rest);
    },
  };
};
