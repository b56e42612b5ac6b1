import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RefusedError } from '@drover/contract';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createImageUnpacker } from '../../src/adapters/import/unpack.js';

const unpacker = createImageUnpacker({ mayReachLocal: true, slowest: { bytes: 1000, ms: 300 } });
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
    const range = resumed ? { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` } : {};
    const length = body.length - (resumed ? start : 0);
    answer.writeHead(resumed ? 206 : 200, { etag: '"one"', 'content-length': length, ...range });
    if (ranges.length === 1) {
      answer.write(body.subarray(0, 1 << 20), () => answer.destroy());
      return;
    }
    answer.end(resumed ? body.subarray(start) : body);
  });
  expect(await fetchTo(url)).toEqual({ digest, size: body.length });
  expect(ranges[0]).toBeUndefined();
  expect(ranges).toHaveLength(2);
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

const reasonOf = async (work: Promise<unknown>): Promise<string> => {
  const fault: unknown = await work.catch((thrown: unknown) => thrown);
  return fault instanceof RefusedError ? fault.refusal.detail : `not refused: ${String(fault)}`;
};
/** Serves a redirect to `location`, and the body at any other path. */
const redirectTo = (location: (base: string) => string): Promise<string> => {
  let base = '';
  return serve((request, answer) => {
    if (request.url === '/image') answer.writeHead(302, { location: location(base) }).end();
    else answer.end(body);
  }).then((url) => (base = url));
};

test('redirects are followed', async () => {
  expect(await fetchTo(await redirectTo(() => '/elsewhere'))).toEqual({ digest, size: body.length });
});

test.each([
  ['a file', 'file:///etc/passwd', /file:/],
  ['an address with a password', 'http://a:b@127.0.0.1/', /user name or password/],
  ['itself, for ever', '/image', /on and on/],
])('a redirect to %s is refused at once', async (_name, location, reason) => {
  expect(await reasonOf(fetchTo(await redirectTo(() => location)))).toMatch(reason);
});

test('this machine is not asked unless that is allowed, by address, by name, or by redirect', async () => {
  let asked = 0;
  const url = await serve((_request, answer) => {
    asked += 1;
    answer.end(body);
  });
  const guarded = createImageUnpacker({ mayReachLocal: false });
  const options = { limit: 1 << 30, signal: new AbortController().signal, progress: () => undefined };
  for (const each of [url, url.replace('127.0.0.1', 'localhost'), url.replace('127.0.0.1', '[::ffff:127.0.0.1]')]) {
    const fault: unknown = await guarded
      .download(each, join(folder, 'out'), options)
      .catch((thrown: unknown) => thrown);
    expect(fault).toBeInstanceOf(RefusedError);
    expect((fault as RefusedError).refusal).toMatchObject({ code: 'image.source-unreachable' });
    expect((fault as RefusedError).refusal.remedy).toContain('images.localUrls');
  }
  expect(asked).toBe(0);
});

test('a file that its server calls gzip-encoded is stored as it is', async () => {
  const url = await serve((_request, answer) => {
    answer.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length });
    answer.end(body);
  });
  expect(await fetchTo(url)).toEqual({ digest, size: body.length });
});

test('a part that is another than the one asked for is not taken', async () => {
  let requests = 0;
  const url = await serve((request, answer) => {
    requests += 1;
    const wrong = request.headers.range !== undefined;
    const range = wrong ? { 'content-range': `bytes 0-${body.length - 1}/${body.length}` } : {};
    answer.writeHead(wrong ? 206 : 200, { etag: '"one"', 'content-length': body.length, ...range });
    if (requests === 1) answer.write(body.subarray(0, 1 << 20), () => answer.destroy());
    else answer.end(body);
  });
  expect(await fetchTo(url)).toEqual({ digest, size: body.length });
});

test('a connection that breaks again and again is gone on with as long as it gets on', async () => {
  const step = 5 << 18;
  const long = Buffer.concat([body, body, body]);
  let requests = 0;
  const url = await serve((request, answer) => {
    requests += 1;
    const start = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = start === 0 ? {} : { 'content-range': `bytes ${start}-${long.length - 1}/${long.length}` };
    answer.writeHead(start === 0 ? 200 : 206, { etag: '"one"', 'content-length': long.length - start, ...range });
    const piece = long.subarray(start, start + step);
    if (start + piece.length === long.length) answer.end(piece);
    else answer.write(piece, () => setTimeout(() => answer.destroy(), 20));
  });
  expect((await fetchTo(url)).size).toBe(long.length);
  expect(requests).toBeGreaterThan(5);
});

test('a download that only trickles is given up, with the reason', async () => {
  const url = await serve((_request, answer) => {
    answer.writeHead(200, { 'content-length': body.length });
    const timer = setInterval(() => answer.write('x'), 20);
    answer.on('close', () => clearInterval(timer));
  });
  expect(await reasonOf(fetchTo(url))).toContain('less than 1000 bytes came in 0.3 s');
});

test('an answer without the file says which it was', async () => {
  expect(await reasonOf(fetchTo(await serve((_request, answer) => answer.writeHead(503).end())))).toContain('503');
  expect(await reasonOf(fetchTo(await serve((_request, answer) => answer.writeHead(204).end())))).toContain('204');
});
