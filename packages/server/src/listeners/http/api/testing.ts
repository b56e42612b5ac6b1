import {
  refusal,
  routes,
  success,
  type Device,
  type OperationId,
  type Principal,
  type StreamOperation,
} from '@drover/contract';
import type { FastifyInstance } from 'fastify';
import { createMetrics } from '../metrics.js';
import { createApiApp, type ApiAppDeps } from './app.js';
import type { BytesHandlers, Handlers, StreamHandlers } from './handlers.js';
import { createThrottle } from './throttle.js';

/** Everything the API needs, in memory: for tests of the listener alone, and to write its description without a store. */
export interface FakeApi {
  readonly deps: ApiAppDeps;
  readonly app: FastifyInstance;
  readonly audited: { operation: string; outcome: string; subject: string | null; keyName: string }[];
  readonly logged: { level: string; fields: object; message: string }[];
  readonly stopping: AbortController;
  readonly idempotency: FakeIdempotency;
}

/** A device as the API shows one that was never seen. */
export const exampleDevice: Device = {
  id: 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
  tenant: null,
  site: 'default',
  name: 'pi',
  state: 'available',
  stateReason: null,
  model: 'pi4',
  modelName: null,
  firmware: 'ee',
  mac: null,
  serial: null,
  bootPrefix: null,
  memoryMiB: null,
  power: null,
  console: null,
  identities: [],
  labels: {},
  assignment: null,
  lastAddress: null,
  lastSeenAt: null,
  lastSession: null,
  upGeneration: null,
  health: {
    status: 'unknown',
    checks: [],
    reportedAt: null,
    uptimeSeconds: null,
    image: null,
    root: null,
    offline: null,
    fellBack: false,
  },
  createdAt: '2026-11-22T12:00:00.000Z',
  updatedAt: '2026-11-22T12:00:00.000Z',
  etag: '"1"',
};

const people: Record<string, Principal> = Object.fromEntries(
  (['admin', 'operator', 'reader', 'device'] as const).map((role, index) => [
    role,
    { key: `key_0000000000000000000000000${index}`, name: role, tenant: null, role },
  ]),
);

type FakeIdempotency = ApiAppDeps['api']['idempotency'] & { kept(): Iterable<unknown> };

const fakeIdempotency = (): FakeIdempotency => {
  const known = new Map<string, { request: string; answer?: { status: number; answer: string } }>();
  const refused = (code: 'idempotency.mismatch' | 'idempotency.in-progress') => refusal(code, 'Refused.');
  return {
    begin: async (who, key, request) => {
      const entry = known.get(who.key + key);
      if (entry === undefined) {
        known.set(who.key + key, { request: JSON.stringify(request) });
        return success({ kind: 'first', token: { scope: who.key, key, owner: 'test' } });
      }
      if (entry.request !== JSON.stringify(request)) return refused('idempotency.mismatch');
      return entry.answer === undefined
        ? refused('idempotency.in-progress')
        : success({ kind: 'replay', ...entry.answer });
    },
    complete: async ({ scope, key }, status, answer) => {
      const entry = known.get(scope + key);
      if (entry !== undefined) entry.answer = { status, answer };
    },
    abandon: async ({ scope, key }) => {
      known.delete(scope + key);
    },
    prune: async () => 0,
    kept: () => known.values(),
  };
};

const absent = async (): Promise<never> => Promise.reject(new Error('no handler in this test'));

/** Keys are the names of the roles: `Authorization: Bearer operator`. */
export const createFakeApi = async (
  handlers: Partial<Handlers> = {},
  streams: Partial<StreamHandlers> = {},
  {
    bytes,
    cards,
    ...more
  }: Partial<Omit<ApiAppDeps['api'], 'bytes'>> & {
    readonly bytes?: Partial<BytesHandlers>;
    readonly cards?: Partial<ApiAppDeps['cards']>;
  } = {},
  app: Partial<Pick<ApiAppDeps, 'bootPlaneUrl'>> = {},
): Promise<FakeApi> => {
  const audited: FakeApi['audited'] = [];
  const logged: FakeApi['logged'] = [];
  const stopping = new AbortController();
  const idempotency = fakeIdempotency();
  const clock = { now: () => Date.now() };
  const write = (level: string) => (fields: object, message: string) => {
    logged.push({ level, fields, message });
  };
  const log: ApiAppDeps['log'] = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  const all = Object.fromEntries((Object.keys(routes) as OperationId[]).map((id) => [id, absent]));
  const allStreams = Object.fromEntries(
    (['listEvents', 'watchTimelines'] as StreamOperation[]).map((id) => [id, absent]),
  );
  let count = 0;
  const deps: ApiAppDeps = {
    api: {
      handlers: { ...all, ...handlers } as Handlers,
      streams: { ...allStreams, ...streams } as StreamHandlers,
      bytes: {
        getBackupContent: absent,
        downloadImageDisk: absent,
        downloadImageCard: absent,
        downloadBootSet: absent,
        getBuildFile: absent,
        ...bytes,
      },
      texts: { getBuildLog: absent, watchConsole: absent },
      publicUrl: undefined,
      idempotency,
      throttle: createThrottle({ clock }),
      authenticate: async (key) => {
        const principal = people[key];
        return principal === undefined
          ? { ok: false, code: 'auth.invalid', detail: 'This key is not known, expired or revoked.' }
          : success(principal);
      },
      audit: {
        append: async ({ operation, outcome, subject, keyName }) => {
          audited.push({ operation, outcome, subject, keyName });
        },
      },
      log,
      stopping: stopping.signal,
      maxEventStreams: 2,
      heartbeatMs: 15_000,
      streamOpened: () => undefined,
      streamClosed: () => undefined,
      ...more,
    },
    bootPlaneUrl: () => undefined,
    published: {
      published: { index: absent, file: absent },
      publicUrl: undefined,
    },
    cards: {
      ...{ quick: () => undefined, config: absent, post: absent, remove: absent, seen: absent, track: absent },
      say: () => refusal('server.fault', 'no cards in this test'),
      ...cards,
    },
    ids: { next: (prefix) => `${prefix}_${String((count += 1)).padStart(26, '0')}`, randomHex: () => '00' },
    log,
    checks: [],
    metrics: createMetrics([]),
    openMetrics: false,
    version: '0.1.0',
    maxBodySize: 10_000,
    trustProxy: false,
    ...app,
  };
  return { deps, app: await createApiApp(deps), audited, logged, stopping, idempotency };
};
