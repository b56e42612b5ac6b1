import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { detectContainer, type ContainerFormat } from '@drover/disk-image';
import { createToolRunner } from '@drover/tools';
import type { CardImage } from './card-image.js';
import { unpack } from './unpack.js';
import { diskInZip } from './zip.js';

const MiB = 1024 * 1024;

/** The name of the disk in a folder that `drover build --output` made. */
const builtDisk = 'disk.img';

/** Names a file of an image; a folder of a build stands for the disk in it. */
async function fileOf(path: string): Promise<{ path: string; size: number }> {
  const found = await stat(path);
  if (!found.isDirectory()) return { path, size: found.size };
  const disk = join(path, builtDisk);
  const inside = await stat(disk).catch(() => undefined);
  if (inside?.isFile() === true) return { path: disk, size: inside.size };
  throw new RefusedError(
    refusal('image.not-found', `There is no ${builtDisk} in the folder ${path}.`, {
      remedy: 'Build it with --card: drover build RECIPE --output FOLDER --card',
    }),
  );
}

async function containerOf(path: string): Promise<ContainerFormat> {
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(512), 0, 512, 0);
    return detectContainer(buffer.subarray(0, bytesRead));
  } finally {
    await file.close();
  }
}

/** What `xz --robot --list` says of the whole file; what it cannot read is told when it is unpacked. */
async function xzSize(path: string): Promise<number | null> {
  const listed = await createToolRunner().run('xz', ['--robot', '--list', path], { okCodes: [0, 1] });
  const size = /^totals\t\d+\t\d+\t\d+\t(\d+)/m.exec(listed.stdout)?.[1];
  return size === undefined ? null : Number(size);
}

/** Programs that unpack a file to their output. */
const unpackers = {
  xz: ['xz', '-dcq', '-T0'],
  gz: ['gzip', '-dcq'],
  zst: ['zstd', '-dcq', '--long=31'],
} as const;

/** A disk image or a packed one, told by its bytes and not by its name; or the folder of a build. */
export async function openImageFile(given: string): Promise<CardImage> {
  // Whole paths: one that begins with a hyphen is no option of a program.
  const { path, size } = await fileOf(resolve(given));
  const about = { name: given, sha256: undefined };
  const container = await containerOf(path);
  switch (container) {
    case 'img':
      return { ...about, size, open: (signal) => createReadStream(path, { highWaterMark: MiB, signal }) };
    case 'xz':
    case 'gz':
    case 'zst': {
      const [tool, ...args] = unpackers[container];
      const unpacked = container === 'xz' ? await xzSize(path) : null;
      return { ...about, size: unpacked, open: (signal) => unpack(path, tool, [...args, path], signal) };
    }
    case 'zip': {
      const disk = await diskInZip(path);
      return { ...about, size: disk.size, open: (signal) => disk.open(signal) };
    }
    default:
      throw new RefusedError(
        refusal('image.unsupported', `${given} is neither a disk image nor one packed with xz, gzip, zstd or zip.`, {
          remedy: 'Name an image of a whole SD card: .img, .img.xz, .img.gz, .img.zst or .zip.',
        }),
      );
  }
}
