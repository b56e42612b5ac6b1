import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DroverError, type UploadSource } from '@drover/sdk';
import { startServer, until, type TestServer } from './server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ settings: { images: { maxUploadSize: '64MiB' } } });
});
afterAll(async () => {
  await server.stop();
});

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const sourceOf = (bytes: Uint8Array): UploadSource => ({
  size: bytes.length,
  read: async (start, end) => bytes.subarray(start, end),
});

/** The upload's bytes as they lie on the server's disk. */
const storedBytes = async (id: string): Promise<Buffer> => {
  const folder = join(server.dataDir, 'uploads');
  const file = (await readdir(folder)).find((name) => name.startsWith(id));
  return readFile(join(folder, file ?? id));
};

const mebibyte = 1024 * 1024;

describe('an upload', () => {
  it('outlives kill -9 of the control plane at any moment: no byte is lost, none comes twice', async () => {
    const bytes = randomBytes(24 * mebibyte);
    const kills = [3, 9, 17].map((at) => at * mebibyte);
    let waited = 0;
    const progress: number[] = [];
    const upload = await server.client.upload(sourceOf(bytes), {
      filename: 'random.img',
      chunkSize: mebibyte,
      onWaiting: () => (waited += 1),
      onProgress: (done) => {
        progress.push(done);
        if (kills[0] !== undefined && done >= kills[0]) {
          kills.shift();
          void server.kill('control', 'SIGKILL');
        }
      },
    });
    expect(upload.complete).toBe(true);
    expect(sha256(await storedBytes(upload.id))).toBe(sha256(bytes));
    expect(waited).toBeGreaterThan(0);
    expect([...progress].sort((a, b) => a - b)).toEqual(progress);
    await server.ready();
  });

  it('keeps what was acknowledged when the server dies in the middle of a part', async () => {
    const { client, url, key } = server;
    const bytes = randomBytes(8 * mebibyte);
    const upload = await client.uploads.create({ body: { filename: 'part.img', size: bytes.length } });
    const part = request(`${url}/api/v2/uploads/${upload.id}?offset=0`, {
      method: 'PATCH',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/octet-stream',
        'content-length': bytes.length,
      },
    });
    part.on('error', () => undefined);
    part.write(bytes.subarray(0, 5 * mebibyte));
    await sleep(300);
    await server.kill('control', 'SIGKILL');
    part.destroy();
    await until(
      'the control plane is back',
      // A machine with other work takes longer to bring it back than the client asks again.
      async () => (await client.uploads.get({ params: { id: upload.id } }).catch(() => undefined))?.id === upload.id,
    );
    const { offset } = await client.uploads.get({ params: { id: upload.id } });
    expect(offset).toBeLessThanOrEqual(5 * mebibyte);
    const whole = await client.upload(sourceOf(bytes), {
      filename: 'part.img',
      resume: upload.id,
      chunkSize: 2 * mebibyte,
    });
    expect(whole.complete).toBe(true);
    expect(sha256(await storedBytes(upload.id))).toBe(sha256(bytes));
  });

  it('holds a sender back that is faster than the disk, and does not keep its bytes in memory', async () => {
    const { client } = server;
    const chunk = randomBytes(mebibyte);
    const source: UploadSource = {
      size: 60 * mebibyte,
      read: async (start, end) => {
        const bytes = new Uint8Array(end - start);
        for (let at = 0; at < bytes.length; at += chunk.length) bytes.set(chunk.subarray(0, bytes.length - at), at);
        return bytes;
      },
    };
    const memory = async (): Promise<number> => {
      const status = await readFile(`/proc/${await server.pidOf('control')}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
    };
    const before = await memory();
    const upload = await client.upload(source, { filename: 'large.img', chunkSize: 60 * mebibyte });
    expect(upload.complete).toBe(true);
    expect((await memory()) - before).toBeLessThan(50 * mebibyte);
  });

  it('is refused at another offset, beyond its size, as another type, and when it is too large', async () => {
    const { client, url, key } = server;
    const upload = await client.uploads.create({ body: { filename: 'small.img', size: 4 } });
    const patch = async (query: string, body: string, type = 'application/octet-stream'): Promise<string> => {
      const response = await fetch(`${url}/api/v2/uploads/${upload.id}?${query}`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${key}`, 'content-type': type },
        body,
      });
      const answer = (await response.json()) as { code?: string; offset?: number };
      return answer.code ?? String(answer.offset);
    };
    expect(await patch('offset=1', 'ab')).toBe('upload.offset-mismatch');
    expect(await patch('offset=0', 'ab', 'application/json')).toBe('request.unsupported-media-type');
    expect(await patch('offset=-1', 'ab')).toBe('request.invalid');
    expect(await patch('offset=0', 'ab')).toBe('2');
    expect(await patch('offset=2', 'cdefgh')).toBe('request.too-large');
    const tooLarge = client.uploads.create({ body: { filename: 'x', size: 65 * mebibyte } });
    await expect(tooLarge).rejects.toSatisfy(
      (error) => error instanceof DroverError && error.code === 'request.too-large',
    );
  });
});
