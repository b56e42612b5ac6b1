import { createWriteStream } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { pipeline } from 'node:stream/promises';
import { cached } from './cache.js';
import { bootStartMiB } from './diskImage.js';
import { fastBootMiB, fastImage } from './fastImage.js';
import { sha256OfFile, type ImageInput } from './imageInput.js';
import { run } from './run.js';

export type Compression = 'xz' | 'gz' | 'zst' | 'zip';

export interface CompressedInput {
  readonly path: string;
  /** Of the compressed file. */
  readonly sha256: string;
  readonly bytes: number;
  /** What comes out of it. */
  readonly image: ImageInput;
}

/** Each writes the compressed image to standard output. Low levels: these are inputs for readers, not downloads. */
const compressors: Readonly<Record<Compression, (image: string) => string[]>> = {
  xz: (image) => ['xz', '-0', '--threads=2', '--stdout', image],
  gz: (image) => ['gzip', '-1', '--no-name', '--stdout', image],
  zst: (image) => ['zstd', '-q', '-3', '--stdout', image],
  // -fd: sizes follow the data, as in every zip that was written as a stream.
  zip: (image) => ['zip', '-q', '-1', '-j', '-fd', '-', image],
};

async function writeOutput(argv: readonly string[], file: string): Promise<void> {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`))));
  });
  await Promise.all([pipeline(child.stdout, createWriteStream(file)), ended]);
}

/** The fast image as people upload images: `fast.img.xz`, `.gz`, `.zst` or `.zip`. */
export async function fastCompressed(compression: Compression): Promise<CompressedInput> {
  const image = await fastImage();
  const name = `fast.img.${compression}`.replace('img.zip', 'zip');
  const dir = await cached({
    name: `fast-${compression}`,
    code: ['fastVariants.ts'],
    needs: [image.sha256],
    async build(into) {
      const file = path.join(into, name);
      await writeOutput(compressors[compression](image.path), file);
      await writeFile(path.join(into, 'sha256'), await sha256OfFile(file));
    },
  });
  const file = path.join(dir, name);
  return {
    path: file,
    sha256: await readFile(path.join(dir, 'sha256'), 'utf8'),
    bytes: (await stat(file)).size,
    image,
  };
}

export interface UncleanInput {
  readonly path: string;
  readonly sha256: string;
  /** A file of the root whose contents are in the journal only. */
  readonly file: string;
  /** What a reader that ignores the journal sees. */
  readonly stale: string;
  /** What is there once the journal is replayed. */
  readonly fresh: string;
}

/**
 * The fast image as a card that was pulled out while writing: the root's journal holds a committed transaction that
 * is not yet in its place, and the file system says so (`needs_recovery`).
 */
export async function fastUnclean(): Promise<UncleanInput> {
  const image = await fastImage();
  const facts = { file: '/etc/hostname', stale: 'fastpi\n', fresh: 'replay\n' };
  const dir = await cached({
    name: 'fast-unclean',
    code: ['fastVariants.ts'],
    needs: [image.sha256],
    async build(into) {
      const copy = path.join(into, 'unclean.img');
      const block = path.join(into, 'block');
      const root = `${copy}?offset=${(bootStartMiB + fastBootMiB) * 1024 * 1024}`;
      await run(['cp', '--sparse=always', image.path, copy]);
      const { stdout } = await run(['debugfs', '-R', `blocks ${facts.file}`, root]);
      const number = stdout.trim();
      // Both texts are of one length, so the inode need not be part of the transaction.
      await writeFile(block, Buffer.concat([Buffer.from(facts.fresh), Buffer.alloc(4096 - facts.fresh.length)]));
      await run(['debugfs', '-w', '-f', '-', root], {
        input: `journal_open\njournal_write -b ${number} ${block}\njournal_close\n`,
      });
      await writeFile(path.join(into, 'sha256'), await sha256OfFile(copy));
      await run(['rm', block]);
    },
  });
  return { path: path.join(dir, 'unclean.img'), sha256: await readFile(path.join(dir, 'sha256'), 'utf8'), ...facts };
}
