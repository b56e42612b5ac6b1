import { randomBytes } from 'node:crypto';
import { mkdir, open, rm, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Collected, CollectedFile } from '../../app/boot/plane/ports.js';
import { readExactly } from './read.js';

/** What comes from elsewhere, on the disk while it is collected and sent: a file without a name, so that nothing of it stays. */
export interface Spool {
  /** Behind what was written before. Why there is no room for these bytes; undefined: they are written. */
  write(bytes: Uint8Array): Promise<Collected | undefined>;
  /** All that was written. */
  file(): CollectedFile;
  close(): Promise<void>;
}

export interface Spools {
  open(maxSize: number): Promise<Spool>;
}

/** `mostHeld`: bytes of all of them together. */
export async function openSpools(folder: string, mostHeld: number): Promise<Spools> {
  // What a process that was killed had no time to take the name of.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const held = { bytes: 0, most: mostHeld };
  return {
    open: async (maxSize) => {
      const path = join(folder, randomBytes(12).toString('hex'));
      const handle = await open(path, 'wx+', 0o600);
      await unlink(path);
      return new OpenSpool(handle, maxSize, held);
    },
  };
}

class OpenSpool implements Spool {
  private readonly handle: FileHandle;
  private readonly maxSize: number;
  private readonly held: { bytes: number; readonly most: number };
  private size = 0;
  private closing: Promise<void> | undefined;

  constructor(handle: FileHandle, maxSize: number, held: OpenSpool['held']) {
    this.handle = handle;
    this.maxSize = maxSize;
    this.held = held;
  }

  async write(bytes: Uint8Array): Promise<Collected | undefined> {
    if (this.size + bytes.length > this.maxSize) return tooLarge(this.maxSize);
    if (this.held.bytes + bytes.length > this.held.most)
      return { kind: 'failed', reason: 'the server holds too many answers at once; try again' };
    this.size += bytes.length;
    this.held.bytes += bytes.length;
    try {
      await this.handle.writeFile(bytes);
      return undefined;
    } catch (error) {
      return { kind: 'failed', reason: `the server has no place for it (${(error as NodeJS.ErrnoException).code})` };
    }
  }

  file(): CollectedFile {
    return {
      size: this.size,
      read: (offset, length) => readExactly(this.handle, offset, length),
      close: () => this.close(),
    };
  }

  close(): Promise<void> {
    this.closing ??= this.handle.close().finally(() => {
      this.held.bytes -= this.size;
    });
    return this.closing;
  }
}

export const tooLarge = (maxSize: number): Collected => ({
  kind: 'failed',
  reason: `it is larger than ${maxSize} bytes (maxSize of the rule)`,
});
