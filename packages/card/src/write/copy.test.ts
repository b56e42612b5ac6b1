import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CardImage } from '../image/card-image.js';
import { copyImage, verifyCopy } from './copy.js';
import { createFile, type CardTarget } from './target.js';

const MiB = 1024 * 1024;
let folder: string;
let target: CardTarget;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drover-card-'));
  target = await createFile(join(folder, 'card.img'), 24 * MiB);
});
afterEach(async () => {
  await target.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Noise, a hole, and noise that ends within a sector; in parts that fit nothing. */
const content = Buffer.concat([randomBytes(5 * MiB), Buffer.alloc(9 * MiB), randomBytes(MiB + 77)]);
const imageOf = (bytes: Buffer, more: Partial<CardImage> = {}): CardImage => ({
  ...{ name: 'noise', size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') },
  open: async function* () {
    for (let at = 0; at < bytes.length; at += 300_001) yield bytes.subarray(at, at + 300_001);
  },
  ...more,
});
const quiet = { signal: new AbortController().signal, onProgress: () => undefined };

describe('an image on a card', () => {
  it('has its bytes, leaves its holes, and is found so', async () => {
    const steps: [string, number, number | null][] = [];
    const options = { ...quiet, onProgress: (...step: [string, number, number | null]) => void steps.push(step) };
    const written = await copyImage(imageOf(content), target, options);
    await verifyCopy(target, written, options);
    expect(readFileSync(target.path).subarray(0, content.length).equals(content)).toBe(true);
    expect(statSync(target.path).blocks * 512).toBeLessThan(content.length - 8 * MiB);
    expect(steps.at(-1)).toEqual(['verifying', content.length, content.length]);
    expect(steps.map(([label]) => label)).toContain('writing');
  });

  it('of which a bit is another is found damaged, and where', async () => {
    const written = await copyImage(imageOf(content), target, quiet);
    const file = await open(target.path, 'r+');
    await file.write(Buffer.from([(content[4_300_000] ?? 0) ^ 1]), 0, 1, 4_300_000);
    await file.close();
    await expect(verifyCopy(target, written, quiet)).rejects.toMatchObject({
      refusal: {
        code: 'card.damaged',
        detail: expect.stringContaining(`bytes ${4 * MiB} to ${8 * MiB - 1}`) as string,
        remedy: expect.stringContaining('bad') as string,
      },
    });
  });

  it('is refused when it turns out larger, shorter, empty or another than it should be', async () => {
    const large = imageOf(Buffer.alloc(25 * MiB), { size: null });
    await expect(copyImage(large, target, quiet)).rejects.toMatchObject({ refusal: { code: 'card.disk-refused' } });
    const short = imageOf(content, { size: content.length + 1 });
    await expect(copyImage(short, target, quiet)).rejects.toMatchObject({ refusal: { code: 'image.broken' } });
    const empty = imageOf(Buffer.alloc(0), { size: null, sha256: undefined });
    await expect(copyImage(empty, target, quiet)).rejects.toMatchObject({ refusal: { code: 'image.broken' } });
    const other = imageOf(content, { sha256: '00'.repeat(32) });
    await expect(copyImage(other, target, quiet)).rejects.toMatchObject({ refusal: { code: 'image.digest-mismatch' } });
  });

  it('is not gone on with when that is called off', async () => {
    const stop = new AbortController();
    const options = { signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) };
    await expect(copyImage(imageOf(content), target, options)).rejects.toThrow('enough');
  });
});
