import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, copyFile, cp, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { UploadSource } from '@drover/sdk';
import { writeCardImage } from '../../../../../e2e/inputs/diskImage.js';
import { inputs } from '../../../../../e2e/inputs/index.js';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;
/** The partitions begin behind it; what lies between the partition table and them is nobody's, and tells two cards apart. */
const headSize = 4 * mebibyte;
const markAt = mebibyte;

export const cardFormats = ['img', 'xz', 'zip'] as const;
export type CardFormat = (typeof cardFormats)[number];

/** A file somebody uploads. */
export interface CardFile {
  readonly path: string;
  readonly format: CardFormat;
  readonly size: number;
  /** Of the file itself. */
  readonly sha256: string;
  /** Of the disk that comes out of it. */
  readonly disk: string;
}

/** Makes small real SD-card images that boards can boot: Debian's arm64 kernel with its modules, a busybox root, Pi firmware. */
export interface CardPress {
  /** The card in one format. `mark` makes other bytes of it; a zip takes too long to pack for that and is always the same. */
  make(format: CardFormat, mark: string): Promise<CardFile>;
}

export const sha256OfFile = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: mebibyte })) hash.update(chunk as Buffer);
  return hash.digest('hex');
};

const bootFiles = [
  'cmdline.txt',
  'config.txt',
  'bcm2710-rpi-3-b.dtb',
  'bcm2711-rpi-4-b.dtb',
  'start4.elf',
  'fixup4.dat',
];

/** The fast lab image with little firmware and a compressed kernel, so that an import takes about a second. */
const writeSmallCard = async (folder: string, file: string): Promise<void> => {
  const fast = await inputs.fast();
  const boot = join(folder, 'boot');
  await mkdir(boot);
  for (const name of bootFiles) await cp(join(fast.bootDir, name), join(boot, name));
  await writeFile(join(boot, 'kernel8.img'), gzipSync(await readFile(fast.kernel), { level: 1 }));
  // FAT32 needs 65525 clusters.
  await writeCardImage({
    file,
    diskId: 'c4a54001',
    boot: { dir: boot, sizeMiB: 72, label: 'bootfs' },
    root: { dir: fast.rootDir, label: 'rootfs' },
    totalMiB: 124,
  });
  await rm(boot, { recursive: true });
};

const headOf = async (card: string, mark: string): Promise<Buffer> => {
  const head = Buffer.alloc(headSize);
  const file = await open(card, 'r');
  try {
    await file.read(head, 0, headSize, 0);
  } finally {
    await file.close();
  }
  head.write(mark, markAt, 'utf8');
  return head;
};

const xz = async (input: string): Promise<void> => {
  await run('xz', ['-0', '--keep', '--force', input]);
};

/** Works in `folder`, which must exist. */
export const createCardPress = async (folder: string): Promise<CardPress> => {
  const card = join(folder, 'card.img');
  await writeSmallCard(folder, card);
  const rest = join(folder, 'rest');
  await run('dd', [`if=${card}`, `of=${rest}`, 'bs=4M', 'skip=1', 'conv=sparse', 'status=none']);
  await xz(rest);
  await rm(rest);
  const zipped = join(folder, 'card.zip');
  await run('zip', ['-q', '-1', '-j', '-fd', zipped, card]);
  const plainDisk = await sha256OfFile(card);

  const makeImg = async (mark: string): Promise<{ path: string; disk: string }> => {
    const path = join(folder, `${mark}.img`);
    await run('cp', ['--sparse=always', card, path]);
    const file = await open(path, 'r+');
    try {
      await file.write(mark, markAt, 'utf8');
    } finally {
      await file.close();
    }
    return { path, disk: await sha256OfFile(path) };
  };

  /** xz files may be joined: only the head is packed anew. */
  const makeXz = async (mark: string): Promise<{ path: string; disk: string }> => {
    const head = join(folder, `${mark}.head`);
    const bytes = await headOf(card, mark);
    await writeFile(head, bytes);
    await xz(head);
    const path = join(folder, `${mark}.img.xz`);
    await copyFile(`${head}.xz`, path);
    await appendFile(path, await readFile(`${rest}.xz`));
    await rm(head);
    await rm(`${head}.xz`);
    const hash = createHash('sha256').update(bytes);
    for await (const chunk of createReadStream(card, { start: headSize, highWaterMark: mebibyte }))
      hash.update(chunk as Buffer);
    return { path, disk: hash.digest('hex') };
  };

  return {
    make: async (format, mark) => {
      const made =
        format === 'zip' ? { path: zipped, disk: plainDisk } : await (format === 'img' ? makeImg(mark) : makeXz(mark));
      const sha256 = format === 'img' ? made.disk : await sha256OfFile(made.path);
      return { ...made, format, sha256, size: (await stat(made.path)).size };
    },
  };
};

/** A file as the SDK uploads it. */
export const fileSource = (path: string, size: number): UploadSource => ({
  size,
  read: async (start, end) => {
    const bytes = Buffer.alloc(end - start);
    const file = await open(path, 'r');
    try {
      await file.read(bytes, 0, bytes.length, start);
    } finally {
      await file.close();
    }
    return bytes;
  },
});
