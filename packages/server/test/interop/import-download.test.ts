import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RefusedError } from '@drover/contract';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createImageUnpacker } from '../../src/adapters/import/unpack.js';

const unpacker = createImageUnpacker();
const body = randomBytes(3 << 20);
const digest = createHash('sha256').update(body).digest('hex');
let folder: string;
let server: Server | undefined;

beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'drover-download-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(listener: RequestListener): Promise<string> {
  const listening = createServer(listener);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/image`;
}

const fetchTo = (url: string, limit = 1 << 30) =>
  unpacker.download(url, join(folder, 'out'), {
    limit,
    signal: new AbortController().signal,
    progress: () => undefined,
  });

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  const fault: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return fault instanceof RefusedError ? fault.refusal.code : `not refused: ${String(fault)}`;
};

test('a download gives the bytes and their digest', async () => {
  const url = await serve((_request, answer) => answer.end(body));
  expect(await fetchTo(url)).toEqual({ digest, size: body.length });
  expect(readFileSync(join(folder, 'out')).equals(body)).toBe(true);
});

test('a broken connection is resumed where it stopped, guarded by the ETag', async () => {
  const ranges: (string | undefined)[] = [];
  const url = await serve((request, answer) => {
    ranges.push(request.headers.range);
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const resumed = request.headers['if-range'] === '"one"' && start > 0;
    answer.writeHead(resumed ? 206 : 200, { etag: '"one"', 'content-length': body.length - (resumed ? start : 0) });
    if (ranges.length === 1) {
      answer.write(body.subarray(0, 1 << 20), () => answer.destroy());
      return;
    }
    answer.end(resumed ? body.subarray(start) : body);
  });
  expect(await fetchTo(url)).toEqual({ digest, size: body.length });
  expect(ranges[0]).toBeUndefined();
  expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
});

test('a file that changed meanwhile is fetched from its beginning', async () => {
  let requests = 0;
  const url = await serve((_request, answer) => {
    requests += 1;
    if (requests === 1) {
      answer.writeHead(200, { etag: '"old"', 'content-length': body.length });
      answer.write(randomBytes(1 << 20), () => answer.destroy());
      return;
    }
    answer.writeHead(200, { etag: '"new"', 'content-length': body.length });
    answer.end(body);
  });
  expect(await fetchTo(url)).toEqual({ digest, size: body.length });
});

test('an address that is not there is refused at once', async () => {
  let requests = 0;
  const url = await serve((_request, answer) => {
    requests += 1;
    answer.writeHead(404).end();
  });
  expect(await codeOf(fetchTo(url))).toBe('image.source-unreachable');
  expect(requests).toBe(1);
});

test('a download beyond the limit is stopped', async () => {
  const url = await serve((_request, answer) => answer.end(body));
  expect(await codeOf(fetchTo(url, 1 << 20))).toBe('image.too-large');
});
