import { routes } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { createFakeServer, json, problem, refused } from '../test/fake-server.js';
import { createClient } from './client.js';
import { DroverError } from './errors.js';
import { createEventParser } from './event-stream.js';
import { namedOperations } from './resources.js';

const failure = async (promise: Promise<unknown>): Promise<DroverError> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DroverError) return error;
    throw error;
  }
  throw new Error('it succeeded');
};

describe('a call', () => {
  it('fills in path, query, body and headers from the route table', async () => {
    const { seen, options } = createFakeServer([json({ id: 'dev_1' }), json({ items: [], next: null })]);
    const client = createClient(options);
    await client.devices.update({ params: { ref: 'a b/c' }, body: { name: 'x' } }, { ifMatch: '"3"' });
    await client.devices.list({ query: { state: 'available', limit: 5 } });
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'PATCH /api/v2/devices/a%20b%2Fc',
      'GET /api/v2/devices?state=available&limit=5',
    ]);
    expect(seen[0]?.headers.get('if-match')).toBe('"3"');
    expect(seen[0]?.headers.get('authorization')).toBe('Bearer drv_k');
    expect(seen[0]?.body).toBe('{"name":"x"}');
  });

  it('throws the problem of a refusal', async () => {
    const { options } = createFakeServer([problem('device.not-found', 404)]);
    const error = await failure(createClient(options).devices.get({ params: { ref: 'x' } }));
    expect([error.code, error.status, error.exitCode, error.remedy]).toEqual(['device.not-found', 404, 3, 'Do it.']);
  });

  it('says that a server cannot be reached, or is none of ours', async () => {
    const { options } = createFakeServer([refused()]);
    const error = await failure(createClient({ ...options, attempts: 1 }).server.get());
    expect([error.code, error.message]).toEqual([
      'server.unreachable',
      'http://drover:8080 cannot be reached (ECONNREFUSED).',
    ]);
    const other = createFakeServer([new Response('<html>', { status: 404, statusText: 'Not Found' })]);
    expect((await failure(createClient(other.options).server.get())).message).toContain("not one of Drover's");
  });

  it('tries again what may be repeated, with growing pauses and the time the server asked for', async () => {
    const { seen, waits, options } = createFakeServer([
      refused(),
      problem('server.busy', 503, { 'retry-after': '2' }),
      json({ id: 'dev_1' }),
    ]);
    await createClient(options).devices.create({ body: { name: 'x' } });
    const keys = seen.map(({ headers }) => headers.get('idempotency-key'));
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(waits).toEqual([250, 2000]);
  });

  it('does not try again what may not be repeated, nor what was refused for good', async () => {
    for (const [answer, run] of [
      [refused(), (client: ReturnType<typeof createClient>) => client.jobs.cancel({ params: { id: 'job_x' } })],
      [refused(), (client: ReturnType<typeof createClient>) => client.devices.delete({ params: { ref: 'x' } })],
      [problem('auth.invalid', 401), (client: ReturnType<typeof createClient>) => client.devices.list()],
    ] as const) {
      const { seen, options } = createFakeServer([answer, json({})]);
      await failure(run(createClient(options)));
      expect(seen).toHaveLength(1);
    }
  });

  it('stops at the signal', async () => {
    const { options } = createFakeServer([json({})]);
    await expect(
      createClient(options).devices.list({}, { signal: AbortSignal.abort(new Error('enough')) }),
    ).rejects.toThrow('enough');
  });
});

it('has a readable name for every operation that answers with JSON', () => {
  const streams = [
    'watchTimelines',
    'appendUpload',
    'getBackupContent',
    'downloadImageDisk',
    'downloadImageCard',
    'downloadBootSet',
  ];
  const texts = ['getBuildLog', 'getBuildFile', 'watchConsole'];
  expect([...namedOperations, ...streams, ...texts].sort()).toEqual(Object.keys(routes).sort());
});

it('walks through all pages of a list', async () => {
  const { seen, options } = createFakeServer([json({ items: [1, 2], next: 'c1' }), json({ items: [3], next: null })]);
  const items: unknown[] = [];
  for await (const item of createClient(options).each('listDevices', { query: { state: 'failed' } })) items.push(item);
  expect(items).toEqual([1, 2, 3]);
  expect(seen[1]?.path).toBe('/api/v2/devices?state=failed&cursor=c1');
});

describe('an event stream', () => {
  const body = (text: string): Response => new Response(text, { headers: { 'content-type': 'text/event-stream' } });

  it('goes on after the last event when the connection breaks', async () => {
    const { seen, options } = createFakeServer([
      body(': hello\n\nid: 7\nevent: device.up\ndata: {"n":1}\n\nid: 8\nda'),
      refused(),
      body('id: 8\nevent: device.up\ndata: {"n":2}\n\n'),
      problem('auth.invalid', 401),
    ]);
    const got: unknown[] = [];
    const states: string[] = [];
    const follow = async () => {
      const stream = createClient(options).follow('listEvents', undefined, {
        onConnection: (state) => states.push(state),
      });
      for await (const event of stream) got.push([event.id, event.type, event.data]);
    };
    expect((await failure(follow())).code).toBe('auth.invalid');
    expect(got).toEqual([
      ['7', 'device.up', { n: 1 }],
      ['8', 'device.up', { n: 2 }],
    ]);
    expect(seen.map(({ headers }) => headers.get('last-event-id'))).toEqual([null, '7', '7', '8']);
    expect(states).toEqual(['open', 'lost', 'lost', 'open', 'lost']);
  });

  it('is read in whatever pieces it comes', () => {
    const text = ': beat\n\nid: 1\nevent: a\ndata: {"x":\ndata: 1}\n\nevent: b\r\ndata: 2\r\n\r\n';
    const whole = createEventParser()(text);
    const parse = createEventParser();
    expect([...text].flatMap((character) => parse(character))).toEqual(whole);
    expect(whole).toEqual([
      { id: '1', type: 'a', data: '{"x":\n1}' },
      { id: undefined, type: 'b', data: '2' },
    ]);
  });
});

describe('an upload', () => {
  const bytes = new Uint8Array(10).map((_, index) => index);
  const source = { size: 10, read: async (start: number, end: number) => bytes.slice(start, end) };
  const at = (offset: number) => ({ id: 'upl_1', size: 10, offset, complete: offset === 10 });

  it('goes in chunks and tells how far it is', async () => {
    const { seen, options } = createFakeServer([json(at(0), 201), json(at(4)), json(at(8)), json(at(10))]);
    const told: number[] = [];
    await createClient(options).upload(source, {
      filename: 'a.img',
      chunkSize: 4,
      onProgress: (done) => told.push(done),
    });
    expect(told).toEqual([0, 4, 8, 10]);
    expect(seen.slice(1).map(({ path, body }) => [path, [...(body as Uint8Array)]])).toEqual([
      ['/api/v2/uploads/upl_1?offset=0', [0, 1, 2, 3]],
      ['/api/v2/uploads/upl_1?offset=4', [4, 5, 6, 7]],
      ['/api/v2/uploads/upl_1?offset=8', [8, 9]],
    ]);
  });

  it('waits for a server that went away and goes on where it stood', async () => {
    const { seen, options } = createFakeServer([
      json(at(0), 201),
      json(at(4)),
      refused(),
      json(at(6)),
      problem('upload.offset-mismatch', 409),
      json(at(7)),
      json(at(10)),
    ]);
    const waiting: string[] = [];
    const upload = await createClient({ ...options, attempts: 1 }).upload(source, {
      filename: 'a.img',
      chunkSize: 4,
      onWaiting: (error) => waiting.push(error.code),
    });
    expect(upload.complete).toBe(true);
    expect(waiting).toEqual(['server.unreachable']);
    expect(seen.map(({ path }) => path).filter((path) => path.includes('offset'))).toEqual([
      '/api/v2/uploads/upl_1?offset=0',
      '/api/v2/uploads/upl_1?offset=4',
      '/api/v2/uploads/upl_1?offset=6',
      '/api/v2/uploads/upl_1?offset=7',
    ]);
  });

  it('resumes one begun earlier, and refuses when the file has another size', async () => {
    const { seen, options } = createFakeServer([json(at(8)), json(at(10))]);
    await createClient(options).upload(source, { filename: 'a.img', resume: 'upl_1' });
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /api/v2/uploads/upl_1',
      'PATCH /api/v2/uploads/upl_1?offset=8',
    ]);
    const other = createFakeServer([json({ ...at(8), size: 11 })]);
    const error = await failure(createClient(other.options).upload(source, { filename: 'a.img', resume: 'upl_1' }));
    expect(error.code).toBe('upload.offset-mismatch');
  });

  it('gives up after its patience, and on refusals that do not pass', async () => {
    const { options } = createFakeServer([json(at(0), 201), ...Array.from({ length: 99 }, refused)]);
    const error = await failure(
      createClient({ ...options, attempts: 1 }).upload(source, { filename: 'a', patienceMs: 1000 }),
    );
    expect(error.code).toBe('server.unreachable');
    const full = createFakeServer([json(at(0), 201), problem('storage.full', 507)]);
    expect((await failure(createClient(full.options).upload(source, { filename: 'a' }))).code).toBe('storage.full');
  });
});

it('looks at a job whose progress nobody follows more seldom the longer it lasts', async () => {
  const running = Array.from({ length: 300 }, () => json({ id: 'job_1', state: 'running', progress: null }));
  const { waits, options } = createFakeServer([...running, json({ id: 'job_1', state: 'succeeded', progress: null })]);
  expect((await createClient(options).waitForJob('job_1')).state).toBe('succeeded');
  expect(waits).toHaveLength(300);
  expect([waits[0], waits.at(-1)]).toEqual([100, 2000]);
  expect(waits).toEqual([...waits].sort((a, b) => a - b));
});

it('looks at a job as often as it is told to', async () => {
  const running = json({ id: 'job_1', state: 'running', progress: null });
  const { waits, options } = createFakeServer([running, json({ id: 'job_1', state: 'succeeded', progress: null })]);
  await createClient(options).waitForJob('job_1', { intervalMs: 7 });
  expect(waits).toEqual([7]);
});

it('waits for a job across a restart of the server and tells each change once', async () => {
  const job = (state: string, done: number) =>
    json({ id: 'job_1', state, progress: { step: 'x', done, total: 2, unit: 'bytes' } });
  const { options } = createFakeServer([
    job('running', 1),
    job('running', 1),
    refused(),
    job('running', 2),
    job('succeeded', 2),
  ]);
  const told: string[] = [];
  const ended = await createClient({ ...options, attempts: 1 }).waitForJob('job_1', {
    onProgress: (now) => told.push(`${now.state} ${now.progress?.done ?? 0}`),
  });
  expect(ended.state).toBe('succeeded');
  expect(told).toEqual(['running 1', 'running 2', 'succeeded 2']);
});
