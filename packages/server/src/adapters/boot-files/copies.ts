import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { copyPath, isCopyName, isUnfinished } from './folder.js';

export interface CopyLimits {
  readonly bytes: number;
  readonly files: number;
}

/** The copies as those who serve them know them. */
export interface Copies {
  readonly folder: string;
  /** Whether it is one of these, as far as is known without looking. */
  has(digest: string): boolean;
  path(digest: string): string;
  /** Exactly `length` bytes; rejects when they are not there. */
  read(digest: string, offset: number, length: number): Promise<Uint8Array>;
  /** All of a copy, checked against its name; undefined when it is gone or damaged. */
  readAll(digest: string): Promise<Uint8Array | undefined>;
  /** Whether all of them are there; they are then among the last to go. */
  use(digests: Iterable<string>): Promise<boolean>;
  /** Takes in what a writer has used, and makes room: what was used longest ago goes, but none of these. */
  note(used: readonly (readonly [name: string, size: number])[]): Promise<void>;
  /** Looks at the folder anew, after a writer that did not end in order; what it left unfinished goes, unless others may be at work. */
  rescan(options: { readonly dropUnfinished: boolean }): Promise<void>;
  /** Bytes and files there are. */
  held(): CopyLimits;
}

/** Opens the folder, which nobody else may use, and makes it when it is not there. */
export async function openCopies(folder: string, limits: CopyLimits): Promise<Copies> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  /** Bytes by name, in order of use. */
  const known = new Map<string, number>();
  let held = 0;

  const forget = (name: string): void => {
    held -= known.get(name) ?? 0;
    known.delete(name);
  };
  const add = (name: string, size: number): void => {
    forget(name);
    known.set(name, size);
    held += size;
  };

  const shrink = async (kept: ReadonlySet<string>): Promise<void> => {
    for (const name of [...known.keys()]) {
      if (held <= limits.bytes && known.size <= limits.files) return;
      if (kept.has(name)) continue;
      forget(name);
      await rm(copyPath(folder, name), { force: true });
    }
  };

  const use = async (digest: string): Promise<boolean> => {
    const size = known.get(digest);
    if (size === undefined) return false;
    const now = new Date();
    try {
      await utimes(copyPath(folder, digest), now, now);
    } catch {
      // Gone, or out of reach: whoever needs it makes it anew.
      forget(digest);
      return false;
    }
    add(digest, size);
    return true;
  };

  const rescan: Copies['rescan'] = async ({ dropUnfinished }) => {
    const found: { name: string; size: number; usedAt: number }[] = [];
    for (const name of await readdir(folder)) {
      if (dropUnfinished && isUnfinished(name)) await rm(join(folder, name), { force: true });
      if (!isCopyName(name)) continue;
      const facts = await stat(join(folder, name)).catch(() => undefined);
      if (facts !== undefined) found.push({ name, size: facts.size, usedAt: facts.mtimeMs });
    }
    known.clear();
    held = 0;
    for (const { name, size } of found.sort((a, b) => a.usedAt - b.usedAt)) add(name, size);
    await shrink(new Set());
  };

  /** What changes the list waits for what changed it before. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  };

  await rescan({ dropUnfinished: true });
  return {
    folder,
    has: (digest) => known.has(digest),
    path: (digest) => copyPath(folder, digest),
    read: async (digest, offset, length) => {
      const bytes = new Uint8Array(length);
      const file = await open(copyPath(folder, digest), 'r');
      try {
        for (let done = 0; done < length;) {
          const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
          if (bytesRead === 0) throw new Error(`the copy ${digest} ends before ${offset + length}`);
          done += bytesRead;
        }
      } finally {
        await file.close();
      }
      return bytes;
    },
    readAll: async (digest) => {
      const bytes = await readFile(copyPath(folder, digest)).catch(() => undefined);
      return bytes !== undefined && createHash('sha256').update(bytes).digest('hex') === digest ? bytes : undefined;
    },
    use: async (digests) => {
      for (const digest of new Set(digests)) if (!(await use(digest))) return false;
      return true;
    },
    note: (used) =>
      inTurn(async () => {
        for (const [name, size] of used) add(name, size);
        await shrink(new Set(used.map(([name]) => name)));
      }),
    rescan: (options) => inTurn(() => rescan(options)),
    held: () => ({ bytes: held, files: known.size }),
  };
}
