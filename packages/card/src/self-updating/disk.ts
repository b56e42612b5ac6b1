import { createReadStream } from 'node:fs';
import { mkdir, open, rm, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import type { CardImage } from '../image/card-image.js';
import type { CardFile } from './boot-set.js';

const MiB = 1024 * 1024;

/** Where the boot partition begins. Cards erase in pieces of a few MiB. */
const bootStart = 4 * MiB;

/** Two sets of the largest images, and room for what a board without a second partition keeps. */
const defaultBootSize = 512 * MiB;

/** Less, and firmware takes it for a FAT16 whatever it says of itself (ee#818). */
const leastBootSize = 64 * MiB;

export interface SelfUpdatingDisk {
  /** As people call it. */
  readonly name: string;
  readonly files: readonly CardFile[];
  /** Bytes of the boot partition; 512 MiB. */
  readonly bootSize?: number;
}

const requireRoom = ({ files }: SelfUpdatingDisk, bootSize: number): void => {
  // The other set needs as much again.
  const needed = files.reduce((sum, { path, bytes }) => sum + bytes.length * (path.startsWith('drover/a/') ? 2 : 1), 0);
  const least = Math.max(leastBootSize, Math.ceil((needed * 1.05) / MiB + 8) * MiB);
  if (bootSize >= least && bootSize % MiB === 0) return;
  throw new RefusedError(
    refusal('request.invalid', `The boot partition: ${bootSize} bytes are too few for two sets, or not whole MiB.`, {
      remedy: `Make it ${least / MiB} MiB, or larger.`,
    }),
  );
};

async function* textInput(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

/** A table with one partition, and a FAT32 in that. The rest of the card stays free: the board makes its own partition there. */
async function format(path: string, bootSize: number, signal: AbortSignal): Promise<void> {
  const tools = createToolRunner();
  await (await open(path, 'w', 0o600)).close();
  await truncate(path, bootStart + bootSize);
  const table = `label: dos\nlabel-id: 0x44524f56\nstart=${bootStart / 512}, size=${bootSize / 512}, type=c\n`;
  const input = textInput(table);
  await tools.run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', path], { input, signal });
  const sectors = bootSize >= 256 * MiB ? '8' : '1';
  const form = ['--invariant', '-i', '44524f56', '-F', '32', '-s', sectors, '-n', 'DROVER'];
  await tools.run('mkfs.vfat', [...form, '--offset', String(bootStart / 512), path, String(bootSize / 1024)], {
    signal,
  });
}

async function fill(path: string, folder: string, files: readonly CardFile[], signal: AbortSignal): Promise<void> {
  for (const { path: name, bytes } of files) {
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes, { signal });
  }
  const roots = [...new Set(files.map(({ path: name }) => name.split('/')[0] ?? name))];
  const from = roots.map((name) => join(folder, name));
  const env = { SOURCE_DATE_EPOCH: '0', TZ: 'UTC' };
  await createToolRunner().run('mcopy', ['-s', '-Q', '-i', `${path}@@${bootStart}`, ...from, '::'], { env, signal });
}

/** Makes the image in an empty folder of the caller's, which it needs until the card is written. Throws RefusedError. */
export async function makeSelfUpdatingImage(
  folder: string,
  disk: SelfUpdatingDisk,
  signal: AbortSignal,
): Promise<CardImage> {
  const bootSize = disk.bootSize ?? defaultBootSize;
  requireRoom(disk, bootSize);
  const [path, work] = [join(folder, 'card.img'), join(folder, 'files')];
  await format(path, bootSize, signal);
  await fill(path, work, disk.files, signal);
  await rm(work, { recursive: true });
  return {
    ...{ name: disk.name, size: bootStart + bootSize, sha256: undefined },
    open: (reading) => createReadStream(path, { highWaterMark: MiB, signal: reading }),
  };
}
