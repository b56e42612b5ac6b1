import { once } from 'node:events';
import { connect } from 'node:net';
import { success, type Upload } from '@drover/contract';
import { expect, it } from 'vitest';
import { createHttpServer } from '../server.js';
import { createFakeApi } from './testing.js';

const upload: Upload = {
  id: 'upl_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
  tenant: 'ten_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
  filename: 'a.img',
  size: 1_000_000,
  offset: 1000,
  complete: false,
  expiresAt: '2026-11-22T12:00:00.000Z',
  createdAt: '2026-11-22T12:00:00.000Z',
};

it('answers an upload at stop with how far it came, and does not wait for the rest of it', async () => {
  let started: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (started = resolve));
  const fake = await createFakeApi({
    appendUpload: async ({ bytes, signal }) => {
      const chunks = bytes[Symbol.asyncIterator]();
      await chunks.next();
      started();
      await once(signal, 'abort');
      return success(upload);
    },
  });
  const listen = [{ host: '127.0.0.1', port: 0 }];
  const server = createHttpServer({ ...fake, listen, log: fake.deps.log, graceMs: 600_000 });
  await server.start(new AbortController().signal);
  const { hostname, port } = new URL(server.urls()[0] ?? '');
  const client = connect(Number(port), hostname);
  client.write(
    [
      `PATCH /api/v2/uploads/${upload.id}?offset=0 HTTP/1.1`,
      'Host: here',
      'Authorization: Bearer operator',
      'Content-Type: application/octet-stream',
      `Content-Length: ${upload.size ?? 0}`,
      '',
      'x'.repeat(1000),
    ].join('\r\n'),
  );
  let answer = '';
  client.setEncoding('utf8').on('data', (text: string) => (answer += text));
  const closed = once(client, 'close');
  await begun;
  await server.stop();
  await closed;
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  expect(answer).toContain('"offset":1000');
});
