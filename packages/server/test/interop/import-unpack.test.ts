import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RefusedError, type ErrorCode } from '@drover/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createImageUnpacker } from '../../src/adapters/import/unpack.js';

const MiB = 1 << 20;
const unpacker = createImageUnpacker({ mayReachLocal: false });
let folder: string;
let disk: Buffer;
const at = (name: string): string => join(folder, name);
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** A disk with an MBR signature, noise and a large hole. */
function makeDisk(): Buffer {
  const bytes = Buffer.alloc(24 * MiB);
  randomBytes(3 * MiB).copy(bytes, 2 * MiB);
  randomBytes(MiB).copy(bytes, 20 * MiB);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-unpack-'));
  disk = makeDisk();
  writeFileSync(at('disk.img'), disk);
  execFileSync('xz', ['-k0', '--block-size=4MiB', at('disk.img')]);
  execFileSync('gzip', ['-k1', at('disk.img')]);
  execFileSync('zstd', ['-q1k', at('disk.img')]);
  execFileSync('zip', ['-q1', at('disk.zip'), 'disk.img'], { cwd: folder });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const unpack = (
  input: string,
  options: {
    limit?: number;
    signal?: AbortSignal;
    mayTake?: boolean;
    progress?: (done: number, total: number | null) => void;
  } = {},
) => {
  rmSync(at('out'), { force: true });
  return unpacker.unpack(at(input), at('out'), {
    limit: options.limit ?? 1024 * MiB,
    signal: options.signal ?? new AbortController().signal,
    mayTake: options.mayTake ?? false,
    progress: options.progress ?? (() => undefined),
  });
};

/** The code of a refusal, and that it names a remedy. */
async function refusedWith(work: Promise<unknown>): Promise<ErrorCode> {
  const fault: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(fault instanceof RefusedError)) throw new Error(`not refused: ${String(fault)}`);
  expect(fault.refusal.remedy).toBeTruthy();
  return fault.refusal.code;
}

describe.each(['disk.img', 'disk.img.xz', 'disk.img.gz', 'disk.img.zst', 'disk.zip'])('%s', (input) => {
  test('becomes the very same disk with its digest', async () => {
    const info = await unpack(input);
    expect(info).toEqual({ digest: sha256(disk), size: disk.length });
    expect(sha256(readFileSync(at('out')))).toBe(sha256(disk));
  });

  test('is refused above the limit', async () => {
    expect(await refusedWith(unpack(input, { limit: 10 * MiB }))).toBe('image.too-large');
  });

  test('ends at once when it is cancelled', async () => {
    const cancel = new AbortController();
    cancel.abort(new Error('cancelled'));
    await expect(unpack(input, { signal: cancel.signal })).rejects.toThrow();
  });
});

test.each(['disk.img.xz', 'disk.img.zst', 'disk.zip'])('%s leaves holes where the disk is zero', async (input) => {
  await unpack(input);
  expect(statSync(at('out')).blocks * 512).toBeLessThan(disk.length * 0.6);
});

/** So much that its holes are asked for, with data on both sides of one and in small pieces, and a hole at its end. */
test.each(['xz -1', 'zstd -1', 'gzip -1'])('a disk that is mostly empty comes through %s as it is', async (packer) => {
  const sparse = Buffer.alloc(260 * MiB);
  for (const [offset, length] of [
    [0, MiB + 1],
    [100 * MiB - 5, 9],
    [140 * MiB + 4095, 2],
    [200 * MiB, MiB],
  ] as const)
    randomBytes(length).copy(sparse, offset);
  sparse.writeUInt16LE(0xaa55, 510);
  execFileSync('sh', ['-c', `${packer} -c >"$1"`, 'sh', at('sparse')], { input: sparse, maxBuffer: Infinity });
  expect(await unpack('sparse')).toEqual({ digest: sha256(sparse), size: sparse.length });
  expect(readFileSync(at('out')).equals(sparse)).toBe(true);
});

test.each([
  ['disk.img.xz', 'image.broken'],
  ['disk.img.gz', 'image.broken'],
  ['disk.img.zst', 'image.broken'],
  ['disk.zip', 'image.broken'],
] as const)('%s cut short is refused', async (input, code) => {
  const cut = `cut-${input}`;
  writeFileSync(at(cut), readFileSync(at(input)));
  truncateSync(at(cut), Math.floor(statSync(at(cut)).size * 0.7));
  expect(await refusedWith(unpack(cut))).toBe(code);
});

test.each(['disk.img.xz', 'disk.img.gz', 'disk.img.zst', 'disk.zip'])(
  '%s with flipped bytes is refused',
  async (input) => {
    const bytes = readFileSync(at(input));
    const middle = Math.floor(bytes.length / 2);
    for (let i = 0; i < 64; i += 1) bytes[middle + i] = (bytes[middle + i] ?? 0) ^ 0x5a;
    writeFileSync(at(`bad-${input}`), bytes);
    expect(await refusedWith(unpack(`bad-${input}`))).toBe('image.broken');
  },
);

test('a decompression bomb is stopped at the limit, not at its end', async () => {
  execFileSync('sh', ['-c', 'head -c 1000000000 /dev/zero | gzip -1 >"$1"', 'sh', at('bomb.gz')]);
  expect(await refusedWith(unpack('bomb.gz', { limit: 8 * MiB }))).toBe('image.too-large');
  expect(statSync(at('out')).size).toBeLessThan(900_000_000);
});

test('what is no image is refused with the accepted kinds', async () => {
  writeFileSync(at('text'), 'hello\n'.repeat(1000));
  expect(await refusedWith(unpack('text'))).toBe('image.unsupported');
  writeFileSync(at('empty'), '');
  expect(await refusedWith(unpack('empty'))).toBe('image.unsupported');
});

test('a zip with two disks is refused by name, one with none says so', async () => {
  writeFileSync(at('other.img'), disk.subarray(0, MiB));
  execFileSync('zip', ['-q0', at('two.zip'), 'disk.img', 'other.img'], { cwd: folder });
  expect(await refusedWith(unpack('two.zip'))).toBe('image.unsupported');
  writeFileSync(at('readme.txt'), 'nothing');
  execFileSync('zip', ['-q0', at('none.zip'), 'readme.txt'], { cwd: folder });
  expect(await refusedWith(unpack('none.zip'))).toBe('image.unsupported');
});

test('a zip packed in a way nobody here unpacks is refused at once, with the way', async () => {
  execFileSync('zip', ['-q', '-Z', 'bzip2', at('bzip2.zip'), 'disk.img'], { cwd: folder });
  const refused = unpack('bzip2.zip');
  await expect(refused).rejects.toThrow(/bzip2/);
  expect(await refusedWith(refused)).toBe('image.unsupported');
});

test('a file that is gone, or is a folder, is refused', async () => {
  expect(await refusedWith(unpack('gone.img'))).toBe('image.source-unreachable');
  expect(await refusedWith(unpack('.'))).toBe('image.source-unreachable');
  const options = { signal: new AbortController().signal, progress: () => undefined };
  expect(await refusedWith(unpacker.digest(at('gone.img'), options))).toBe('image.source-unreachable');
});

test('an upload of ours is taken over without a copy', async () => {
  writeFileSync(at('mine.img'), disk);
  await unpack('mine.img', { mayTake: true });
  expect(statSync(at('out')).ino).toBe(statSync(at('mine.img')).ino);
});

test('progress reaches its total and never falls', async () => {
  const seen: number[] = [];
  let last: number | null = null;
  await unpack('disk.img.xz', {
    progress: (done, total) => {
      seen.push(done);
      last = total;
    },
  });
  expect(seen.at(-1)).toBe(last);
  expect([...seen].sort((a, b) => a - b)).toEqual(seen);
});
