import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openImageFile } from '../../src/index.js';
import { makeCardImage } from '../support/card-image.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-packed-'));
  makeCardImage(join(folder, 'disk.img'));
  for (const [program, ...args] of [
    ['xz', '-k0'],
    ['gzip', '-k1'],
    ['zstd', '-q1k'],
  ] as const)
    execFileSync(program, [...args, join(folder, 'disk.img')]);
  execFileSync('zip', ['-q1', 'disk.zip', 'disk.img'], { cwd: folder });
  execFileSync(
    'cp',
    ['disk.img', '-a [b]*.img'].map((name) => join(folder, name)),
  );
  execFileSync('zip', ['-q1', 'odd.zip', '--', '-a [b]*.img'], { cwd: folder });
  execFileSync('zip', ['-q1', 'two.zip', '--', '-a [b]*.img', 'disk.img'], { cwd: folder });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const digestOf = async (name: string): Promise<string> => {
  const hash = createHash('sha256');
  const image = await openImageFile(join(folder, name));
  for await (const chunk of image.open(new AbortController().signal)) hash.update(chunk);
  return hash.digest('hex');
};

it.each(['disk.img', 'disk.img.xz', 'disk.img.gz', 'disk.img.zst', 'disk.zip', 'odd.zip', '.'])(
  '%s is the disk it holds',
  async (name) => {
    const expected = createHash('sha256')
      .update(readFileSync(join(folder, 'disk.img')))
      .digest('hex');
    expect(await digestOf(name)).toBe(expected);
  },
);

it('tells its size beforehand where the container knows it', async () => {
  for (const name of ['disk.img', 'disk.img.xz', 'disk.zip'])
    expect((await openImageFile(join(folder, name))).size).toBe(72 * 1024 * 1024);
});

it('is refused when it is cut short, several, a folder of something else, or no disk', async () => {
  truncateSync(join(folder, 'disk.img.xz'), 500);
  await expect(digestOf('disk.img.xz')).rejects.toMatchObject({ refusal: { code: 'image.broken' } });
  truncateSync(join(folder, 'disk.img.gz'), 500);
  await expect(digestOf('disk.img.gz')).rejects.toMatchObject({ refusal: { code: 'image.broken' } });
  await expect(digestOf('two.zip')).rejects.toMatchObject({ refusal: { code: 'image.unsupported' } });
  mkdirSync(join(folder, 'empty'));
  await expect(digestOf('empty')).rejects.toMatchObject({
    refusal: { remedy: expect.stringContaining('--card') as string },
  });
  await expect(digestOf('../../etc/passwd')).rejects.toMatchObject({ refusal: { code: 'image.unsupported' } });
});
