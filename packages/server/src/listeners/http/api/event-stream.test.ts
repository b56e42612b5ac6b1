import { success, type DomainEvent } from '@drover/contract';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, expect, it } from 'vitest';
import { createHttpServer, type HttpServer } from '../server.js';
import type { StreamMessage } from './handlers.js';
import { createFakeApi, type FakeApi } from './testing.js';

let running: HttpServer | undefined;
afterEach(async () => {
  await running?.stop();
});

const serve = async (fake: FakeApi): Promise<string> => {
  running = createHttpServer({ ...fake, listen: [{ host: '127.0.0.1', port: 0 }], log: fake.deps.log, graceMs: 500 });
  await running.start(new AbortController().signal);
  return running.urls()[0] ?? '';
};

const open = (url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    httpRequest(`${url}/api/v2/events`, {
      headers: { accept: 'text/event-stream', authorization: 'Bearer reader', ...headers },
    })
      .on('response', resolve)
      .on('error', reject)
      .end();
  });

const event = (id: number, size = 0): StreamMessage<DomainEvent> => ({
  id: String(id),
  type: 'device.up',
  data: {
    id,
    type: 'device.up',
    at: '2026-11-22T12:00:00.000Z',
    tenant: null,
    subject: 'x',
    data: { text: 'y'.repeat(size) },
  },
});

const read = async (response: IncomingMessage): Promise<string> => {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
};

it('writes messages with ids, after the one the caller had', async () => {
  const fake = await createFakeApi(
    {},
    {
      listEvents: async (_context, { lastEventId }) =>
        success(
          (async function* () {
            yield event(Number(lastEventId) + 1);
          })(),
        ),
    },
  );
  const response = await open(await serve(fake), { 'last-event-id': '41' });
  expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
  expect(await read(response)).toContain('id: 42\nevent: device.up\ndata: {"id":42,');
});

it('asks for the next message only when the reader took the last one', async () => {
  let made = 0;
  const fake = await createFakeApi(
    {},
    {
      listEvents: async (context) =>
        success(
          (async function* () {
            while (!context.signal.aborted) yield event((made += 1), 10_000);
          })(),
        ),
    },
  );
  const response = await open(await serve(fake));
  response.pause();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = made;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(made).toBe(before);
  response.destroy();
});

it('beats while nothing happens, and ends when the key is revoked', async () => {
  let allowed = true;
  const fake = await createFakeApi(
    {},
    { listEvents: async (context) => success(waitFor(context.signal)) },
    {
      heartbeatMs: 20,
      authenticate: async () =>
        allowed
          ? success({ key: 'key_1', name: 'a', tenant: null, role: 'reader' })
          : { ok: false, code: 'auth.invalid', detail: 'revoked' },
    },
  );
  const response = await open(await serve(fake));
  setTimeout(() => {
    allowed = false;
  }, 100);
  expect(await read(response)).toContain(': still here');
});

it('tells nobody anything a second after the key was revoked, however much happens', async () => {
  let allowed = true;
  let written = 0;
  const fake = await createFakeApi(
    {},
    {
      listEvents: async (context) =>
        success(
          (async function* () {
            while (!context.signal.aborted) {
              await new Promise((resolve) => setTimeout(resolve, 20));
              yield event((written += 1));
            }
          })(),
        ),
    },
    {
      authenticate: async () =>
        allowed
          ? success({ key: 'key_1', name: 'a', tenant: null, role: 'reader' })
          : { ok: false, code: 'auth.invalid', detail: 'revoked' },
    },
  );
  const response = await open(await serve(fake));
  response.once('data', () => (allowed = false));
  expect(await read(response)).toContain('id: 1\n');
});

it('opens no more streams than allowed, and ends them all at stop', async () => {
  const fake = await createFakeApi({}, { listEvents: async (context) => success(waitFor(context.signal)) });
  const url = await serve(fake);
  const open1 = await open(url);
  const open2 = await open(url);
  expect((await open(url)).statusCode).toBe(503);
  const ended = Promise.all([read(open1), read(open2)]);
  await running?.stop();
  await ended;
});

/** A source on which nothing ever happens. */
const waitFor = (signal: AbortSignal): AsyncIterable<StreamMessage<DomainEvent>> => ({
  [Symbol.asyncIterator]: () => ({
    next: () =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          resolve({ done: true, value: undefined });
        });
      }),
  }),
});
