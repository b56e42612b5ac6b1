import { createHash } from 'node:crypto';
import { open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { copyPath, unfinishedPath } from './folder.js';

export interface Copy {
  /** sha256, 64 hex digits. */
  readonly digest: string;
  readonly size: number;
}

/** Puts copies into the folder. */
export interface CopyWriter {
  /** Whether this one is there; it is then among the last to go. */
  has(copy: Copy): Promise<boolean>;
  put(chunks: AsyncIterable<Uint8Array>): Promise<Copy>;
  /** Which copy was made of something, by a digest of all that went into it. */
  recall(key: string): Promise<Copy | undefined>;
  remember(key: string, copy: Copy): Promise<void>;
  /** Names in the folder that were written or found to be there, with their bytes. */
  used(): readonly (readonly [name: string, size: number])[];
}

const systemCode = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

async function touch(path: string, size: number): Promise<boolean> {
  try {
    if ((await stat(path)).size !== size) return false;
    const now = new Date();
    await utimes(path, now, now);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Writes a file that has its name only once it is whole and durable. */
async function write(folder: string, chunks: AsyncIterable<Uint8Array>, nameOf: (copy: Copy) => string): Promise<Copy> {
  const path = unfinishedPath(folder);
  const hash = createHash('sha256');
  let size = 0;
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      for await (const chunk of chunks) {
        hash.update(chunk);
        await file.writeFile(chunk);
        size += chunk.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
    const copy = { digest: hash.digest('hex'), size };
    await rename(path, copyPath(folder, nameOf(copy)));
    return copy;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

const keyName = (key: string): string => `part-${key}`;

export function createCopyWriter(folder: string): CopyWriter {
  const used = new Map<string, number>();
  const has = async ({ digest, size }: Copy): Promise<boolean> => {
    const isThere = await touch(copyPath(folder, digest), size);
    if (isThere) used.set(digest, size);
    return isThere;
  };
  return {
    has,
    put: async (chunks) => {
      const copy = await write(folder, chunks, ({ digest }) => digest);
      used.set(copy.digest, copy.size);
      return copy;
    },
    recall: async (key) => {
      const text = await readFile(copyPath(folder, keyName(key)), 'utf8').catch(() => '');
      const [, digest, size] = /^([0-9a-f]{64}) (\d{1,15})\n$/.exec(text) ?? [];
      if (digest === undefined) return undefined;
      const copy = { digest, size: Number(size) };
      if (!(await has(copy)) || !(await touch(copyPath(folder, keyName(key)), text.length))) return undefined;
      used.set(keyName(key), text.length);
      return copy;
    },
    remember: async (key, { digest, size }) => {
      const written = await write(folder, once(Buffer.from(`${digest} ${size}\n`)), () => keyName(key));
      used.set(keyName(key), written.size);
    },
    used: () => [...used],
  };
}
