import { refusal, success } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { rangeOf } from './answer-bytes.js';
import { createFakeApi } from './testing.js';

const sha256 = 'ab'.repeat(32);
const content = Buffer.from('0123456789');
const url = '/api/v2/backups/bak_01JZ5M8K7Q2W3E4R5T6Y7V8B9N/content';

describe('a range of a file', () => {
  const file = { size: 10, sha256 };
  it.each([
    ['bytes=0-3', { start: 0, end: 3 }],
    ['bytes=4-', { start: 4, end: 9 }],
    ['bytes=-3', { start: 7, end: 9 }],
    ['bytes=8-99', { start: 8, end: 9 }],
    ['bytes=-99', { start: 0, end: 9 }],
  ])('%s is that part', (header, wanted) => {
    expect(rangeOf(header, undefined, file)).toEqual(wanted);
    expect(rangeOf(header, `"${sha256}"`, file)).toEqual(wanted);
    expect(rangeOf(header, '"another"', file)).toBeUndefined();
  });
  it.each([undefined, '', 'bytes=-', 'bytes=-0', 'bytes=10-', 'bytes=3-2', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=1e3-'])(
    '%s is all of it',
    (header) => {
      expect(rangeOf(header, undefined, file)).toBeUndefined();
    },
  );
});

describe('the file of a backup', () => {
  const absent = async () => refusal('backup.not-found', 'There is none.');
  const api = (stream = (range?: { start: number; end: number }) => parts(range)) =>
    createFakeApi(
      {},
      {},
      {
        bytes: {
          getImageDisk: absent,
          getBackupContent: async () => success({ sha256, size: content.length, filename: 'disk.qcow2', stream }),
        },
      },
    );
  async function* parts({ start, end } = { start: 0, end: content.length - 1 }): AsyncGenerator<Uint8Array> {
    yield content.subarray(start, start + 1);
    yield content.subarray(start + 1, end + 1);
  }
  const operator = { authorization: 'Bearer operator' };

  it('comes with its length and its digest, and is in the audit trail', async () => {
    const { app, audited } = await api();
    const answer = await app.inject({ url, headers: operator });
    expect([answer.statusCode, answer.body]).toEqual([200, '0123456789']);
    expect(answer.headers).toMatchObject({
      'content-length': '10',
      'content-disposition': 'attachment; filename="disk.qcow2"',
      etag: `"${sha256}"`,
      'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`,
    });
    expect(audited).toMatchObject([{ operation: 'getBackupContent', outcome: 'ok', keyName: 'operator' }]);
  });

  it('goes on where a download broke off', async () => {
    const { app } = await api();
    const answer = await app.inject({ url, headers: { ...operator, range: 'bytes=6-' } });
    expect([answer.statusCode, answer.body]).toEqual([206, '6789']);
    expect(answer.headers).toMatchObject({ 'content-range': 'bytes 6-9/10', 'content-length': '4' });
  });

  it('is refused as everything else is', async () => {
    const { app } = await createFakeApi(
      {},
      {},
      {
        bytes: {
          getImageDisk: absent,
          getBackupContent: absent,
        },
      },
    );
    expect((await app.inject({ url, headers: operator })).json()).toMatchObject({ code: 'backup.not-found' });
    expect((await app.inject({ url, headers: { authorization: 'Bearer reader' } })).statusCode).toBe(403);
    expect((await app.inject({ url })).statusCode).toBe(401);
  });

  it('ends early, and so visibly, when its bytes cannot be read', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield content.subarray(0, 3);
      throw new Error('EIO');
    }
    const { app, logged } = await api(broken);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as { port: number };
    const answer = await fetch(`http://127.0.0.1:${port}${url}`, { headers: operator });
    await expect(answer.arrayBuffer()).rejects.toThrow('terminated');
    expect(logged.map(({ message }) => message)).toContain('a download broke off');
    await app.close();
  });
});
