import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { detectContainer } from '@drover/disk-image';
import { tellConsumed } from './consumed.js';
import { decode } from './decode.js';
import { decoders } from './decoders.js';
import { openInput, readHead } from './head.js';
import { runTool } from './tool.js';

export interface TarOptions {
  /** Bytes a tar may have, unpacked. */
  readonly limit: number;
  readonly signal: AbortSignal;
  /** Bytes of the tar that were read. */
  readonly progress: (done: number, total: number | null) => void;
}

/**
 * Owners and device nodes need root rights or fakeroot. Under fakeroot extended attributes are left out: 1.31 forgets the file type of a file that gets
 * one while it is unpacked, and mke2fs then cannot place it.
 */
export const asRoot = process.getuid?.() === 0;

/**
 * The same tool with the rights to own files as anybody; `state` carries what fakeroot pretends from one call to the next. fakeroot is a shell script: the
 * tool is tied to it as it is to us.
 */
export const owning = (command: string, args: readonly string[], flag: '-s' | '-i', state: string) =>
  asRoot
    ? { command, args }
    : { command: 'fakeroot', args: [flag, state, 'setpriv', '--pdeathsig', 'KILL', command, ...args] };

/** Unpacks the files of a boot partition, which FAT can hold: files and folders, no links and no devices. */
export async function unpackBootTar(tar: string, folder: string, options: TarOptions): Promise<void> {
  await unpackTar(tar, folder, options, {
    subject: 'The tar of the boot files',
    args: ['--no-same-owner', '-xf', '-'],
  });
  await refuseSpecial(folder, folder);
}

/** Unpacks a root file system with its owners, modes, links and device nodes. */
export async function unpackRootTar(tar: string, folder: string, state: string, options: TarOptions): Promise<void> {
  const attributes = asRoot ? ['--xattrs', '--xattrs-include=*'] : [];
  const args = ['--numeric-owner', ...attributes, '-xpf', '-'];
  await unpackTar(tar, folder, options, { subject: 'The tar of the root', args, state });
}

interface How {
  readonly subject: string;
  readonly args: readonly string[];
  readonly state?: string;
}

async function unpackTar(tar: string, folder: string, options: TarOptions, how: How): Promise<void> {
  await mkdir(folder, { recursive: true });
  const plain = `${folder}.tar`;
  try {
    await readTar(await decompressed(tar, plain, options), folder, options, how);
  } finally {
    await rm(plain, { force: true });
  }
}

/** A tar that is compressed is decompressed by ourselves, which stops at the limit; tar, reading from a pipe, leaves it to us. */
async function decompressed(tar: string, plain: string, options: TarOptions): Promise<string> {
  const container = detectContainer(await readHead(tar));
  if (container !== 'xz' && container !== 'gz' && container !== 'zst') return tar;
  await decode(decoders[container], tar, plain, options);
  return plain;
}

async function readTar(tar: string, folder: string, options: TarOptions, { subject, args, state }: How): Promise<void> {
  const file = await openInput(tar);
  try {
    const { size } = await file.stat();
    if (size > options.limit) throw tooLarge(subject, size, options.limit);
    const stop = tellConsumed(file, (done) => options.progress(done, size));
    const words = [...args, '-C', folder];
    const run = state === undefined ? { command: 'tar', args: words } : owning('tar', words, '-s', state);
    try {
      await runTool({ ...run, signal: options.signal, subject, input: file });
      options.progress(size, size);
    } finally {
      stop();
    }
  } finally {
    await file.close();
  }
}

/** What follows a link would read any file of this machine into the image. */
async function refuseSpecial(folder: string, top: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await refuseSpecial(path, top);
    else if (!entry.isFile()) throw special(relative(top, path));
  }
}

const special = (path: string) =>
  new RefusedError(
    refusal('image.broken', `The tar of the boot files holds ${path}, which is neither a file nor a folder.`, {
      remedy: 'Boot partitions are FAT: pack the files that links point to (tar --dereference).',
    }),
  );

const tooLarge = (subject: string, size: number, limit: number) =>
  new RefusedError(
    refusal('image.too-large', `${subject} has ${size} bytes, more than ${limit}.`, {
      remedy: 'Raise images.maxSize in the settings.',
    }),
  );
