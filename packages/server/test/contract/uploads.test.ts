import { randomBytes } from 'node:crypto';
import { readFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createUploadStore } from '../../src/adapters/blobs/index.js';
import { inPieces, temporaryFolder } from './support/folders.js';
import { testIds } from './support/world.js';

const folder = temporaryFolder();
let count = 0;
const make = async () => {
  count += 1;
  return createUploadStore(join(folder, `uploads-${count}`));
};
const limit = 1_000_000;

describe('bytes of uploads', () => {
  it('grow piece by piece', async () => {
    const uploads = await make();
    const id = testIds.next('upl');
    const bytes = randomBytes(100_000);
    expect(await uploads.size(id)).toBe(0);
    expect(await uploads.append(id, 0, inPieces(bytes.subarray(0, 60_000), 999), limit)).toBe(60_000);
    expect(await uploads.append(id, 60_000, inPieces(bytes.subarray(60_000), 999), limit)).toBe(100_000);
    expect(readFileSync(uploads.path(id))).toEqual(bytes);
    expect(await uploads.list()).toEqual([id]);
    await uploads.delete(id);
    await uploads.delete(id);
    expect(await uploads.list()).toEqual([]);
  });

  it('loses what a crash left beyond the acknowledged offset', async () => {
    const uploads = await make();
    const id = testIds.next('upl');
    await uploads.append(id, 0, inPieces(Buffer.from('acknowledged'), 5), limit);
    appendFileSync(uploads.path(id), 'torn');
    expect(await uploads.append(id, 12, inPieces(Buffer.from(' more'), 5), limit)).toBe(17);
    expect(readFileSync(uploads.path(id), 'utf8')).toBe('acknowledged more');
  });

  it('refuses a gap', async () => {
    const uploads = await make();
    const id = testIds.next('upl');
    await expect(uploads.append(id, 5, inPieces(Buffer.from('x'), 1), limit)).rejects.toMatchObject({
      refusal: { code: 'upload.offset-mismatch' },
    });
    expect(await uploads.size(id)).toBe(0);
  });

  it('counts what came before the sender broke off', async () => {
    const uploads = await make();
    const id = testIds.next('upl');
    const breaking = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('first');
      await Promise.resolve();
      throw new Error('gone');
    };
    expect(await uploads.append(id, 0, breaking(), limit)).toBe(5);
    const abort = new AbortController();
    const endless = async function* (): AsyncGenerator<Uint8Array> {
      for (;;) {
        await Promise.resolve();
        yield Buffer.from('x');
        abort.abort();
      }
    };
    expect(await uploads.append(id, 5, endless(), limit, abort.signal)).toBeGreaterThan(5);
  });

  it('keeps nothing of a piece that is too long', async () => {
    const uploads = await make();
    const id = testIds.next('upl');
    await uploads.append(id, 0, inPieces(Buffer.from('12345'), 5), 10);
    await expect(uploads.append(id, 5, inPieces(Buffer.from('678901'), 2), 10)).rejects.toMatchObject({
      refusal: { code: 'request.too-large' },
    });
    expect(await uploads.size(id)).toBe(5);
    expect(await uploads.append(id, 5, inPieces(Buffer.from('67890'), 2), 10)).toBe(10);
  });

  it('lets one sender write at a time', async () => {
    const uploads = await make();
    const id = testIds.next('upl');
    const results = await Promise.allSettled([
      uploads.append(id, 0, inPieces(randomBytes(5000), 10), limit),
      uploads.append(id, 0, inPieces(randomBytes(5000), 10), limit),
    ]);
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await uploads.size(id)).toBe(5000);
  });

  it('refuses what is no id', async () => {
    const uploads = await make();
    for (const id of ['../x', 'upl_', '', 'upl_01JZ5M8K7Q2W3E4R5T6Y7V8B9N/..']) {
      expect(() => uploads.path(id)).toThrow(/upl_/);
    }
  });
});
