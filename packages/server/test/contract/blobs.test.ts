import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { link, open, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createFsBlobStore, type FsBlobStore } from '../../src/adapters/blobs/index.js';
import type { BlobStore } from '../../src/app/blobs/ports.js';
import { inPieces, sha256Of, temporaryFolder } from './support/folders.js';

const folder = temporaryFolder();
let count = 0;
const opened: FsBlobStore[] = [];
const openFolder = async (root: string): Promise<BlobStore> => {
  const store = await createFsBlobStore(root);
  opened.push(store);
  return store;
};
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

/** Every adapter of the port. The file system is the only one so far. */
const adapters = [
  {
    name: 'file system',
    make: async (): Promise<{ store: BlobStore; root: string }> => {
      count += 1;
      const root = join(folder, `blobs-${count}`);
      return { store: await openFolder(root), root };
    },
  },
];

const refusalOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'none';
  } catch (error) {
    return (error as { refusal?: { code: string } }).refusal?.code ?? String(error);
  }
};

const collect = async (source: AsyncIterable<unknown>): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const listed = async (store: BlobStore): Promise<string[]> => {
  const digests: string[] = [];
  for await (const blob of store.list()) digests.push(blob.digest);
  return digests;
};

describe.each(adapters)('blobs on the $name', ({ make }) => {
  it('gives back what was put, whole and in part', async () => {
    const { store } = await make();
    const bytes = randomBytes(300_000);
    const blob = await store.put(inPieces(bytes, 7777));
    expect(blob).toEqual({ digest: sha256Of(bytes), size: bytes.length });
    expect(await store.read(blob.digest, 0, bytes.length)).toEqual(new Uint8Array(bytes));
    expect(await store.read(blob.digest, 12_345, 10)).toEqual(new Uint8Array(bytes.subarray(12_345, 12_355)));
    expect(await collect(store.stream(blob.digest))).toEqual(bytes);
    expect(await collect(store.stream(blob.digest, { start: 5, end: 9 }))).toEqual(bytes.subarray(5, 10));
    expect(await store.stat(blob.digest)).toMatchObject({ digest: blob.digest, size: bytes.length });
  });

  it('keeps an empty blob', async () => {
    const { store } = await make();
    const blob = await store.put(inPieces(new Uint8Array(0), 1));
    expect(blob.size).toBe(0);
    expect(await store.read(blob.digest, 0, 0)).toHaveLength(0);
  });

  it('refuses a read beyond the end, of an absent blob, and of what is no digest', async () => {
    const { store } = await make();
    const { digest } = await store.put(inPieces(Buffer.from('abc'), 3));
    await expect(store.read(digest, 1, 3)).rejects.toThrow(/ends before 4/);
    expect(await refusalOf(store.read('0'.repeat(64), 0, 1))).toBe('blob.not-found');
    for (const bad of ['../../etc/passwd', '0'.repeat(63), 'A'.repeat(64), `${'0'.repeat(63)}/`, '']) {
      expect(await refusalOf(store.stat(bad))).toBe('blob.not-found');
      expect(await refusalOf(store.delete(bad))).toBe('blob.not-found');
      expect(await refusalOf(store.adopt(join(folder, 'x'), bad))).toBe('blob.not-found');
    }
  });

  it('stores the same bytes once, also when put at the same moment', async () => {
    const { store } = await make();
    const bytes = randomBytes(50_000);
    const put = await Promise.all(Array.from({ length: 20 }, () => store.put(inPieces(bytes, 1000))));
    expect(new Set(put.map((blob) => blob.digest)).size).toBe(1);
    expect(await listed(store)).toEqual([sha256Of(bytes)]);
  });

  it('keeps nothing of bytes that are not what was expected, of a sender that fails, and of an abort', async () => {
    const { store, root } = await make();
    const bytes = randomBytes(10_000);
    expect(await refusalOf(store.put(inPieces(bytes, 100), { expected: '0'.repeat(64) }))).toBe(
      'image.digest-mismatch',
    );
    const breaking = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes;
      await Promise.resolve();
      throw new Error('the sender broke off');
    };
    await expect(store.put(breaking())).rejects.toThrow('the sender broke off');
    const abort = new AbortController();
    const aborting = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes;
      await Promise.resolve();
      abort.abort(new Error('enough'));
      yield bytes;
    };
    await expect(store.put(aborting(), { signal: abort.signal })).rejects.toThrow('enough');
    expect(await listed(store)).toEqual([]);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });

  it('deletes, and says of an absent blob that it is gone', async () => {
    const { store } = await make();
    const { digest } = await store.put(inPieces(Buffer.from('abc'), 3));
    expect(await store.read(digest, 0, 3)).toHaveLength(3);
    expect(await store.delete(digest)).toBe(true);
    expect(await store.stat(digest)).toBeUndefined();
    expect(await store.touch(digest)).toBe(false);
    expect(await refusalOf(store.read(digest, 0, 3))).toBe('blob.not-found');
    expect(await store.delete(digest)).toBe(true);
  });

  it('leaves a blob that was put or touched since', async () => {
    const { store } = await make();
    const { digest } = await store.put(inPieces(Buffer.from('abc'), 3));
    expect(await store.delete(digest, { unlessModifiedSince: Date.now() - 60_000 })).toBe(false);
    expect(await store.touch(digest)).toBe(true);
    expect(await store.delete(digest, { unlessModifiedSince: Date.now() - 60_000 })).toBe(false);
    expect(await store.delete(digest, { unlessModifiedSince: Date.now() + 60_000 })).toBe(true);
  });

  it('never loses a blob that is put while it is being deleted as too old', async () => {
    const { store } = await make();
    const bytes = randomBytes(2000);
    const digest = sha256Of(bytes);
    for (let round = 0; round < 100; round += 1) {
      await store.put(inPieces(bytes, 500));
      const path = store.localPath(digest);
      if (path !== undefined) utimesSync(path, 1, 1);
      const deleting = store.delete(digest, { unlessModifiedSince: Date.now() - 1000 });
      const putting = store.put(inPieces(bytes, 500));
      await Promise.all([deleting, putting]);
      expect(await store.stat(digest)).toBeDefined();
    }
  });

  it('reads many blobs at once with few files open', async () => {
    const { store } = await make();
    const blobs = await Promise.all(
      Array.from({ length: 150 }, (_, i) => store.put(inPieces(Buffer.from(`blob ${i}`), 100))),
    );
    const texts = await Promise.all(
      blobs.flatMap((blob) => [store.read(blob.digest, 0, blob.size), store.read(blob.digest, 0, 4)]),
    );
    expect(texts.filter((bytes) => Buffer.from(bytes).toString().startsWith('blob'))).toHaveLength(300);
  });
});

describe('blobs as files', () => {
  const [adapter] = adapters;
  const make = async (): Promise<{ store: BlobStore; root: string }> => adapter!.make();

  it('are read-only, under their digest', async () => {
    const { store, root } = await make();
    const { digest } = await store.put(inPieces(Buffer.from('abc'), 3));
    const path = join(root, 'sha256', digest.slice(0, 2), digest);
    expect(store.localPath(digest)).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o444);
    expect(statSync(root).mode & 0o777).toBe(0o700);
  });

  it('takes over a file by renaming it, sparse as it was, with a new moment', async () => {
    const { store } = await make();
    const path = await store.scratch('disk.img');
    const handle = await open(path, 'wx');
    await handle.write(Buffer.from('end'), 0, 3, 64 * 1024 * 1024);
    await handle.close();
    utimesSync(path, 1, 1);
    const { ino } = statSync(path);
    const bytes = Buffer.concat([Buffer.alloc(64 * 1024 * 1024), Buffer.from('end')]);
    const blob = await store.adopt(path, sha256Of(bytes));
    const found = statSync(store.localPath(blob.digest) ?? '');
    expect(found.ino).toBe(ino);
    expect(found.blocks * 512).toBeLessThan(1024 * 1024);
    expect(found.mtimeMs).toBeGreaterThan(Date.now() - 60_000);
    expect(existsSync(path)).toBe(false);
    await store.discard(path);
  });

  it('takes over a file of another file system by copying it, sparse', async () => {
    const { store } = await make();
    const path = `/dev/shm/drover-contract-${process.pid}`;
    writeFileSync(path, 'begin');
    await truncate(path, 32 * 1024 * 1024);
    const bytes = readFileSync(path);
    const blob = await store.adopt(path, sha256Of(bytes));
    const copy = store.localPath(blob.digest) ?? '';
    expect(sha256Of(readFileSync(copy))).toBe(blob.digest);
    expect(statSync(copy).blocks * 512).toBeLessThan(1024 * 1024);
    expect(existsSync(path)).toBe(false);
  });

  it('refuses to take over a folder or a link', async () => {
    const { store } = await make();
    await expect(store.adopt(folder, '0'.repeat(64))).rejects.toThrow('plain file');
  });

  it('mends a damaged blob when the same bytes come again', async () => {
    const { store } = await make();
    const bytes = randomBytes(5000);
    const { digest } = await store.put(inPieces(bytes, 1000));
    await store.read(digest, 0, 10);
    const path = store.localPath(digest) ?? '';
    chmodSync(path, 0o600);
    writeFileSync(path, 'damaged');
    await store.put(inPieces(bytes, 1000));
    expect(await store.read(digest, 0, 5000)).toEqual(new Uint8Array(bytes));
  });

  it('sweeps what an earlier life left behind, and nothing of this one', async () => {
    const { store, root } = await make();
    writeFileSync(join(root, 'tmp', 'torn'), 'half');
    const earlier = await openFolder(root);
    writeFileSync(await earlier.scratch('left.img'), 'half');
    const mine = await store.scratch('../weird name/..');
    writeFileSync(mine, 'mine');
    await link(mine, `${mine}.part`);
    await store.sweepScratch();
    expect(readdirSync(join(root, 'tmp'))).toHaveLength(1);
    expect(readFileSync(mine, 'utf8')).toBe('mine');
    await store.discard(mine);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });

  it('does not list what is no blob', async () => {
    const { store, root } = await make();
    const { digest } = await store.put(inPieces(Buffer.from('abc'), 3));
    writeFileSync(join(root, 'sha256', digest.slice(0, 2), 'notes.txt'), 'x');
    expect(await listed(store)).toEqual([digest]);
  });
});
