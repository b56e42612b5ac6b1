import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { createCopyWriter, openCopies, type Copy, type CopyWriter } from '../../src/adapters/boot-files/index.js';
import { temporaryFolder } from './support/folders.js';

const parent = temporaryFolder();
const limits = { bytes: 10_000, files: 5 };
let folder: string;
let writer: CopyWriter;
beforeEach(async () => {
  folder = join(parent, randomBytes(6).toString('hex'));
  await openCopies(folder, limits);
  writer = createCopyWriter(folder);
});

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
async function* inTwo(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes.subarray(0, 10);
  yield bytes.subarray(10);
}
const put = async (size: number): Promise<Copy & { bytes: Buffer }> => {
  const bytes = randomBytes(size);
  const copy = await writer.put(inTwo(bytes));
  expect(copy).toEqual({ digest: sha256(bytes), size });
  return { ...copy, bytes };
};

describe('copies of boot files', () => {
  it('are found by their digest and read in parts', async () => {
    const { digest, size, bytes } = await put(3000);
    const copies = await openCopies(folder, limits);
    expect(copies.has(digest)).toBe(true);
    expect(Buffer.from(await copies.read(digest, 1000, 50)).equals(bytes.subarray(1000, 1050))).toBe(true);
    await expect(copies.read(digest, 2990, 11)).rejects.toThrow('ends before');
    expect(copies.held()).toEqual({ bytes: 3000, files: 1 });
    expect(await writer.has({ digest, size })).toBe(true);
    expect(await writer.has({ digest, size: size + 1 })).toBe(false);
    expect(() => copies.path('../../etc/passwd')).toThrow('no name of a copy');
  });

  it('make room for others: what was used longest ago goes, never what a boot that just began needs', async () => {
    const copies = await openCopies(folder, limits);
    const all: Copy[] = [];
    for (let i = 0; i < 4; i += 1) all.push(await put(2500));
    await copies.note(writer.used());
    expect(await copies.use([all[0]!.digest])).toBe(true);
    writer = createCopyWriter(folder);
    const next = await put(2500);
    await copies.note(writer.used());
    expect(copies.held()).toEqual({ bytes: 10_000, files: 4 });
    expect((await readdir(folder)).sort()).toEqual(
      [all[0]!, all[2]!, all[3]!, next].map(({ digest }) => digest).sort(),
    );
    expect(await copies.use([all[1]!.digest])).toBe(false);
    writer = createCopyWriter(folder);
    for (let i = 0; i < 20; i += 1) await put(10 + i);
    await copies.note(writer.used().slice(-3));
    await copies.rescan({ dropUnfinished: true });
    expect(copies.held().files).toBe(limits.files);
    expect(await readdir(folder)).toHaveLength(limits.files);
  });

  it('that were not finished when a server was killed are gone at its next start, and the oldest of too many', async () => {
    await writeFile(join(folder, 'new-00112233'), 'half');
    await writeFile(join(folder, 'what is this'), 'not ours');
    const old = await put(6000);
    await utimes(join(folder, old.digest), new Date(0), new Date(0));
    const recent = await put(6000);
    const copies = await openCopies(folder, limits);
    expect(await readdir(folder)).toEqual(expect.arrayContaining([recent.digest, 'what is this']));
    expect(await readdir(folder)).toHaveLength(2);
    expect(copies.has(old.digest)).toBe(false);
  });

  it('leave nothing of one whose bytes ended with an error', async () => {
    const broken = (async function* () {
      yield randomBytes(100);
      throw new Error('the disk is gone');
    })();
    await expect(writer.put(broken)).rejects.toThrow('the disk is gone');
    expect(await readdir(folder)).toEqual([]);
  });

  it('that are gone or damaged are not used', async () => {
    const [one, two] = [await put(100), await put(200)];
    const copies = await openCopies(folder, limits);
    await rm(join(folder, one.digest));
    expect(await copies.use([two.digest, one.digest])).toBe(false);
    expect(copies.has(one.digest)).toBe(false);
    await writeFile(join(folder, two.digest), 'other bytes');
    expect(await copies.readAll(two.digest)).toBeUndefined();
  });

  it('are remembered by what they were made of, as long as they are there', async () => {
    const key = 'a'.repeat(64);
    const copy = await put(500);
    expect(await writer.recall(key)).toBeUndefined();
    await writer.remember(key, copy);
    expect(await createCopyWriter(folder).recall(key)).toEqual({ digest: copy.digest, size: 500 });
    await rm(join(folder, copy.digest));
    expect(await writer.recall(key)).toBeUndefined();
    await writeFile(join(folder, `part-${key}`), 'rubbish');
    expect(await writer.recall(key)).toBeUndefined();
  });
});
