import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  apiBase,
  errorTable,
  fillPath,
  Problem,
  roles,
  routes,
  type OperationId,
  type Role,
  type Route,
} from '@drover/contract';
import { createClient, DroverError, type Client } from '@drover/sdk';
import { startServer, until, type TestServer } from './server.js';

let server: TestServer;
const keys = new Map<Role, string>();
beforeAll(async () => {
  server = await startServer();
  for (const role of roles) {
    keys.set(role, (await server.client.keys.create({ body: { name: `test ${role}`, role } })).key);
  }
});
afterAll(async () => {
  await server.stop();
});

const clientOf = (role: Role): Client => createClient({ baseUrl: server.url, key: keys.get(role) });
const failure = async (promise: Promise<unknown>): Promise<DroverError> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DroverError) return error;
    throw error;
  }
  throw new Error('it succeeded');
};
const macs = (): string => `02:${[...randomBytes(5)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`;

/** A request of each operation that reaches its use case, with what it may answer. */
const absent = 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
const requests: Record<
  OperationId,
  { params?: Record<string, string>; query?: string; body?: unknown; answers: (number | string)[] }
> = {
  getServer: { answers: [200] },
  getDoctor: { answers: [200] },
  getServerStats: { query: '?after=1', answers: [200] },
  whoAmI: { answers: [200] },
  listDevices: { query: '?health=silent', answers: [200] },
  createDevice: { body: { mac: macs() }, answers: [201] },
  getDevice: { params: { ref: absent }, answers: ['device.not-found'] },
  updateDevice: { params: { ref: absent }, body: {}, answers: ['device.not-found'] },
  deleteDevice: { params: { ref: absent }, answers: ['device.not-found'] },
  adoptDevice: { params: { ref: absent }, body: {}, answers: ['device.not-found'] },
  provision: { body: { image: 'none:1', any: true }, answers: ['image.not-found'] },
  reimageDevice: {
    params: { ref: absent },
    body: { image: 'none:1' },
    answers: ['image.not-found', 'device.not-found'],
  },
  releaseDevice: { params: { ref: absent }, answers: ['device.not-found'] },
  powerDevice: { params: { ref: absent }, body: { action: 'on' }, answers: ['device.not-found'] },
  listDeviceFiles: { params: { ref: absent }, answers: ['device.not-found'] },
  putDeviceFile: { params: { ref: absent }, body: { path: '/etc/motd', content: '' }, answers: ['device.not-found'] },
  getDeviceFile: { params: { ref: absent }, query: '?path=/etc/motd', answers: ['device.not-found'] },
  deleteDeviceFile: { params: { ref: absent }, query: '?path=/etc/motd', answers: ['device.not-found'] },
  getFirstBoot: { params: { ref: absent }, answers: ['device.not-found'] },
  putFirstBoot: { params: { ref: absent }, body: { hostname: 'a' }, answers: ['device.not-found'] },
  deleteFirstBoot: { params: { ref: absent }, answers: ['device.not-found'] },
  watchConsole: { params: { ref: absent }, answers: ['device.not-found'] },
  writeConsole: { params: { ref: absent }, body: { text: 'a' }, answers: ['device.not-found'] },
  listPowerDrivers: { answers: [200] },
  leaseDevice: { params: { ref: absent }, body: { ttlSeconds: 3600 }, answers: ['device.not-found'] },
  listProvisionRequests: { query: '?state=waiting', answers: [200] },
  createProvisionRequest: { body: { image: 'none:1', any: true }, answers: ['image.not-found'] },
  getProvisionRequest: { params: { id: 'req_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['request.not-found'] },
  cancelProvisionRequest: { params: { id: 'req_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['request.not-found'] },
  listBootLayers: { answers: [200] },
  getBootLayer: { params: { layer: 'group:none=1' }, answers: ['boot-config.not-found'] },
  putBootLayer: { params: { layer: 'default' }, body: { document: { config: { a: 1 } } }, answers: [200] },
  deleteBootLayer: { params: { layer: 'group:none=1' }, answers: ['boot-config.not-found'] },
  listBootLayerVersions: { params: { layer: 'group:none=1' }, answers: ['boot-config.not-found'] },
  diffBootLayer: { params: { layer: 'group:none=1' }, answers: ['boot-config.not-found'] },
  revertBootLayer: { params: { layer: 'group:none=1' }, body: { to: 1 }, answers: ['boot-config.not-found'] },
  explainBootConfig: { params: { layer: 'default' }, answers: [200] },
  bindCard: {
    params: { ref: absent, key: 'key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', card: 'door' },
    answers: ['device.not-found'],
  },
  unbindCard: {
    params: { ref: absent, key: 'key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', card: 'door' },
    answers: ['device.not-found'],
  },
  listImages: { answers: [200] },
  createImage: {
    body: { name: 'a', version: '1', source: { kind: 'path', path: '/none' } },
    answers: ['image.not-found', 'auth.forbidden', 'request.invalid', 'image.source-unreachable'],
  },
  getImage: { params: { ref: 'none:1' }, answers: ['image.not-found'] },
  listImageFiles: { params: { ref: 'none:1' }, answers: ['image.not-found'] },
  deleteImage: { params: { ref: 'none:1' }, answers: ['image.not-found'] },
  listDisks: { answers: [200] },
  createDisk: { body: { size: 1_048_576 }, answers: [202] },
  getDisk: { params: { ref: 'none' }, answers: ['disk.not-found'] },
  updateDisk: { params: { ref: 'none' }, body: { name: 'other' }, answers: ['disk.not-found'] },
  deleteDisk: { params: { ref: 'none' }, answers: ['disk.not-found'] },
  attachDisk: { params: { ref: 'none' }, body: { device: 'none' }, answers: ['disk.not-found'] },
  detachDisk: { params: { ref: 'none' }, body: {}, answers: ['disk.not-found'] },
  checkDisk: { params: { ref: 'none' }, answers: ['disk.not-found'] },
  flattenDisk: { params: { ref: 'none' }, answers: ['disk.not-found'] },
  listSnapshots: { params: { ref: 'none' }, answers: ['disk.not-found'] },
  createSnapshot: { params: { ref: 'none' }, body: {}, answers: ['disk.not-found'] },
  deleteSnapshot: { params: { ref: 'none', snapshot: 'none' }, answers: ['disk.not-found'] },
  listBackups: { answers: [200] },
  createBackup: { params: { ref: 'none' }, body: {}, answers: ['disk.not-found'] },
  getBackup: { params: { id: 'bak_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['backup.not-found'] },
  getBackupContent: { params: { id: 'bak_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['backup.not-found'] },
  deleteBackup: { params: { id: 'bak_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['backup.not-found'] },
  downloadImageDisk: { params: { ref: 'none' }, answers: ['image.not-found'] },
  prepareBootSet: { params: { ref: 'none' }, answers: ['image.not-found'] },
  downloadBootSet: { params: { ref: 'none' }, answers: ['image.not-found'] },
  downloadImageCard: {
    params: { ref: 'none' },
    query: '?server=http://192.0.2.1:8081',
    answers: ['image.not-found'],
  },
  listBuilds: { answers: [200] },
  createBuild: { body: { recipe: { kind: 'shipped', name: 'not-there' } }, answers: ['recipe.not-found'] },
  getBuild: { params: { id: 'bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['build.not-found'] },
  updateBuild: { params: { id: 'bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, body: {}, answers: ['build.not-found'] },
  deleteBuild: { params: { id: 'bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['build.not-found'] },
  getBuildLog: { params: { id: 'bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['build.not-found'] },
  getBuildFile: {
    params: { id: 'bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', name: 'info.sh' },
    answers: ['build.not-found'],
  },
  createUpload: { body: { filename: 'a.img', size: 1 }, answers: [201] },
  getUpload: { params: { id: 'upl_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['upload.not-found'] },
  appendUpload: {
    params: { id: 'upl_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' },
    query: '?offset=0',
    answers: ['upload.not-found'],
  },
  deleteUpload: { params: { id: 'upl_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['upload.not-found'] },
  listJobs: { answers: [200] },
  getJob: { params: { id: 'job_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['job.not-found'] },
  cancelJob: { params: { id: 'job_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['job.not-found'] },
  retryJob: { params: { id: 'job_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['job.not-found'] },
  getCardKeys: { answers: [200] },
  rollCardKey: { body: {}, answers: [200] },
  verifyBlobs: { answers: [202] },
  collectBlobs: { answers: [202] },
  listSessions: { answers: [200] },
  getSession: { params: { id: 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['session.not-found'] },
  getTimeline: { params: { id: 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['session.not-found'] },
  watchTimelines: { query: '?session=bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', answers: ['session.not-found'] },
  listEvents: { answers: [200] },
  listTenants: { answers: [200] },
  createTenant: { body: { name: 'extra' }, answers: [201] },
  updateTenant: { params: { ref: 'none' }, body: { quota: { disks: 1 } }, answers: ['tenant.not-found'] },
  listKeys: { answers: [200] },
  createKey: { body: { name: 'extra', role: 'reader' }, answers: [201] },
  importKey: { body: { name: 'extra', role: 'reader', key: 'a-key-of-old-cards' }, answers: [201, 'key.exists'] },
  revokeKey: { params: { id: 'key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N' }, answers: ['key.not-found'] },
  listAudit: { answers: [200] },
};

const ask = (operation: OperationId, key: string | undefined): Promise<Response> => {
  const route: Route = routes[operation];
  const { params = {}, query = '', body } = requests[operation];
  const bytes = route.streams === 'request-bytes';
  return fetch(`${server.url}${apiBase}${fillPath(route.path, params)}${query}`, {
    method: route.method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(bytes ? { 'content-type': 'application/octet-stream' } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(bytes ? { body: 'x' } : body === undefined ? {} : { body: JSON.stringify(body) }),
  });
};

describe('every operation of the route table', () => {
  it.each(Object.keys(routes) as OperationId[])('%s answers as the contract says', async (operation) => {
    const response = await ask(operation, keys.get('admin'));
    const text = await response.text();
    const route: Route = routes[operation];
    if (response.ok) {
      expect(requests[operation].answers).toContain(response.status);
      route.answer.parse(JSON.parse(text));
    } else {
      const problem = Problem.parse(JSON.parse(text));
      expect(requests[operation].answers).toContain(problem.code);
      expect(response.status).toBe(errorTable[problem.code].status);
    }
  });

  it.each(Object.keys(routes) as OperationId[])('%s is for its role and those above', async (operation) => {
    const needed = roles.indexOf((routes[operation] as Route).role);
    expect((await ask(operation, undefined)).status).toBe(401);
    for (const role of roles) {
      const response = await ask(operation, keys.get(role));
      const refused =
        response.status === 403 &&
        ((await response.json()) as Problem).remedy === `Use a key with role ${roles[needed] ?? ''}.`;
      expect([role, refused]).toEqual([role, roles.indexOf(role) > needed]);
    }
  });
});

describe('keys', () => {
  it('end when they are revoked or expired, and say nothing about which', async () => {
    const { client } = server;
    const expiresAt = new Date(Date.now() + 1500).toISOString();
    const brief = await client.keys.create({ body: { name: 'brief', role: 'reader', expiresAt } });
    const revoked = await client.keys.create({ body: { name: 'revoked', role: 'reader' } });
    const me = (key: string) => createClient({ baseUrl: server.url, key }).server.whoAmI();
    expect((await me(brief.key)).name).toBe('brief');
    await client.keys.revoke({ params: { id: revoked.id } });
    await until('the key is expired', () => Date.now() > Date.parse(expiresAt));
    const problems = await Promise.all([brief.key, revoked.key, 'drv_never'].map((key) => failure(me(key))));
    expect(new Set(problems.map((error) => `${error.code} ${error.message}`)).size).toBe(1);
  });

  it('are nowhere in the database file, the log or an answer again', async () => {
    const key = keys.get('operator') ?? '';
    const { readFile, readdir } = await import('node:fs/promises');
    for (const file of await readdir(server.dataDir)) {
      if (!file.startsWith('drover.sqlite')) continue;
      expect((await readFile(`${server.dataDir}/${file}`)).includes(key)).toBe(false);
    }
    expect(server.output()).not.toContain(key);
    expect(JSON.stringify(await server.client.keys.list())).not.toContain(key);
  });

  it('of a tenant see and change that tenant only', async () => {
    const { client } = server;
    const tenant = await client.tenants.create({ body: { name: 'other' } });
    const { key } = await client.keys.create({ body: { name: 'theirs', role: 'admin', tenant: tenant.id } });
    const theirs = createClient({ baseUrl: server.url, key });
    const ours = await client.devices.create({ body: { name: 'ours', mac: macs() } });
    const own = await theirs.devices.create({ body: { name: 'own', mac: macs() } });
    expect((await theirs.devices.list()).items.map((device) => device.name)).toEqual(['own']);
    expect((await failure(theirs.devices.get({ params: { ref: ours.id } }))).code).toBe('device.not-found');
    expect((await failure(theirs.tenants.create({ body: { name: 'mine' } }))).code).toBe('auth.forbidden');
    expect((await client.devices.get({ params: { ref: own.id } })).tenant).toBe(tenant.id);
  });

  it('leave a trail of what they changed and of what was refused', async () => {
    await failure(clientOf('reader').devices.create({ body: { mac: macs() } }));
    const made = await clientOf('operator').devices.create({ body: { mac: macs() } });
    const { items } = await server.client.audit.list({ query: { limit: 2 } });
    expect(items.map(({ keyName, operation, outcome, subject }) => [keyName, operation, outcome, subject])).toEqual([
      ['test operator', 'createDevice', 'ok', made.id],
      ['test reader', 'createDevice', 'auth.forbidden', null],
    ]);
  });
});

describe('changes', () => {
  it('with an old ETag are refused, so that nobody overwrites somebody', async () => {
    const { client } = server;
    const first = await client.devices.create({ body: { name: 'etag', mac: macs() } });
    const params = { ref: first.id };
    const second = await client.devices.update({ params, body: { labels: { a: '1' } } }, { ifMatch: first.etag });
    const late = await failure(
      client.devices.update({ params, body: { labels: { a: '2' } } }, { ifMatch: first.etag }),
    );
    expect([late.code, late.status]).toEqual(['precondition.failed', 412]);
    expect((await failure(client.devices.delete({ params }, { ifMatch: first.etag }))).code).toBe(
      'precondition.failed',
    );
    await client.devices.delete({ params }, { ifMatch: second.etag });
  });

  it('under one Idempotency-Key happen once, also when the control plane dies in between', async () => {
    const { client } = server;
    const body = { name: 'once', mac: macs() };
    const options = { idempotencyKey: 'the-same' };
    const [a, b] = await Promise.all([
      client.devices.create({ body }, options),
      client.devices.create({ body }, options),
    ]);
    expect(a).toEqual(b);
    await server.kill('control', 'SIGKILL');
    expect(await client.devices.create({ body }, options)).toEqual(a);
    expect((await failure(client.devices.create({ body: { ...body, name: 'twice' } }, options))).code).toBe(
      'idempotency.mismatch',
    );
  });
});

describe('lists', () => {
  it('come in pages that hold everything once', async () => {
    const { client } = server;
    for (let i = 0; i < 7; i += 1)
      await client.devices.create({ body: { name: `page-${i}`, mac: macs(), labels: { page: 'yes' } } });
    const names: string[] = [];
    for await (const device of client.each('listDevices', { query: { selector: 'page=yes', limit: 3 } }))
      names.push(device.name);
    expect(names).toEqual([6, 5, 4, 3, 2, 1, 0].map((i) => `page-${i}`));
    const bad = await failure(client.devices.list({ query: { cursor: 'nonsense' } }));
    expect(bad.code).toBe('request.cursor-invalid');
  });
});

describe('event streams', () => {
  it('go on after the last event, across a killed control plane, with none missing and none twice', async () => {
    const { client } = server;
    const stop = new AbortController();
    const subjects: string[] = [];
    const ids: (number | null)[] = [];
    const { items } = await client.events.list({ query: { limit: 500 } });
    const after = items.at(-1)?.id ?? 0;
    const follow = (async () => {
      const stream = client.follow(
        'listEvents',
        { query: { type: 'device.registered', after } },
        { signal: stop.signal },
      );
      for await (const { data } of stream) {
        subjects.push(data.subject);
        ids.push(data.id);
      }
    })();
    const made: string[] = [];
    for (let i = 0; i < 12; i += 1) {
      if (i === 4) await server.kill('control', 'SIGKILL');
      made.push((await client.devices.create({ body: { mac: macs() } }, { idempotencyKey: `stream-${i}` })).id);
    }
    await until('every event has come', () => subjects.length >= made.length);
    stop.abort();
    await follow;
    expect(subjects).toEqual(made);
    expect([...ids].sort((x, y) => Number(x) - Number(y))).toEqual(ids);
  });

  it('end at once when the key behind them is revoked', async () => {
    const { client } = server;
    const key = await client.keys.create({ body: { name: 'watcher', role: 'reader' } });
    const response = await fetch(`${server.url}${apiBase}/events`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${key.key}` },
    });
    const ended = response.text();
    await client.keys.revoke({ params: { id: key.id } });
    expect(await ended).toContain(': hello');
  }, 40_000);
});

describe('what needs no key', () => {
  it('tells health and the way in, and nothing else', async () => {
    expect(await (await fetch(`${server.url}/healthz`)).text()).toBe('ok\n');
    const ready = (await (await fetch(`${server.url}/readyz`)).json()) as { checks: { name: string; ok: boolean }[] };
    expect(ready.checks.map(({ name, ok }) => [name, ok])).toEqual([
      ['store', true],
      ['boot plane', true],
      ['disk', true],
    ]);
    expect(await (await fetch(`${server.url}/`)).text()).toContain('/api/v2');
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
    const metrics = await fetch(`${server.url}/metrics`, { headers: { 'x-api-key': keys.get('reader') ?? '' } });
    const text = await metrics.text();
    for (const name of [
      'drover_http_request_duration_seconds_count',
      'drover_http_quick_answers_total',
      'drover_devices{state="available"}',
      'drover_jobs_unfinished',
      'drover_boot_plane_up 1',
      'drover_data_free_bytes',
      'nodejs_eventloop_lag',
    ]) {
      expect(text).toContain(name);
    }
    const { paths } = (await (await fetch(`${server.url}${apiBase}/openapi.json`)).json()) as { paths: object };
    expect(Object.keys(paths)).toContain('/api/v2/devices');
  });
});
