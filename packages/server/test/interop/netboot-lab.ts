import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Assignment, Principal, TimelineEntry } from '@drover/contract';
import { createBackendServer } from '../../src/adapters/backend/index.js';
import { unlimited } from '../../src/app/tenants/tenants.js';
import { createFsBlobStore } from '../../src/adapters/blobs/index.js';
import { createSqlStore } from '../../src/adapters/sql/index.js';
import { createIds, systemClock } from '../../src/adapters/system/index.js';
import { createTimelineFeed } from '../../src/app/boot/feed.js';
import { createDiscovery } from '../../src/app/devices/discovery.js';
import { createAuthentication } from '../../src/app/tenants/authentication.js';
import { hashing } from '../../src/adapters/hashing/index.js';
import type { BootService } from '../../src/app/boot/service.js';
import { createOrderDesk, type OrderDesk } from '../../src/app/disks/order-desk.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import type { Log } from '../../src/app/ports.js';
import { createBootPlane, type BootPlane } from '../../src/boot-plane.js';
import { createBoot } from '../../src/composition/boot.js';
import { backendSocket } from '../../src/composition/paths.js';
import { SettingsSchema, type Settings } from '../../src/config/schema.js';
import { makeBootPartition, standardFiles } from './netboot-image.js';

export const run = promisify(execFile);
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const quiet = (): void => undefined;
/** Faults of ours are shown; the rest is not. */
const testLog: Log = {
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: (fields, message) => console.error(message, fields),
  child: () => testLog,
};

export const admin: Principal = { key: 'key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', name: 'test', tenant: null, role: 'admin' };
const at = '2026-01-01T00:00:00.000Z';

/** Both planes in this process, joined by a real socket, on loopback, with a real database and real blobs. */
export interface NetbootLab {
  readonly settings: Settings;
  readonly dataDir: string;
  readonly store: Awaited<ReturnType<typeof createSqlStore>>;
  readonly service: BootService;
  /** Where the boot plane is told what to do. */
  readonly orders: OrderDesk;
  /** Digest of the image. */
  readonly imageDigest: string;
  /** The root every board downloads. */
  readonly root: Buffer;
  readonly bootFiles: ReadonlyMap<string, Buffer>;
  readonly httpUrl: () => string;
  readonly httpsUrl: () => string | undefined;
  readonly tftpUrl: string;
  readonly tftpPort: number;
  readonly dhcpPort: number;
  readonly controlUp: () => Promise<void>;
  readonly controlDown: () => Promise<void>;
  readonly planeUp: () => Promise<void>;
  /** `kill`: as if by a signal; what was not written is lost. */
  readonly planeDown: () => Promise<void>;
  /** Makes a device known before the boot plane hears of it. */
  readonly register: (bootPrefix: string) => Promise<void>;
  /** Makes the device that showed this prefix or MAC ours and gives it the image. */
  readonly provision: (shown: string, more?: Partial<Assignment>) => Promise<string>;
  readonly deviceOf: (shown: string) => Promise<string | undefined>;
  /** Timeline of a device's latest session, once `until` holds. */
  readonly timeline: (
    device: string,
    until?: (entries: readonly TimelineEntry[]) => boolean,
  ) => Promise<TimelineEntry[]>;
  readonly close: () => Promise<void>;
}

export interface LabOptions {
  readonly sessionTtlSeconds?: number;
  /** Boot files beside those every lab has. */
  readonly files?: ReadonlyMap<string, Buffer>;
  /** Makes the image, instead of one that is a boot partition and nothing else. */
  readonly makeImage?: typeof makeBootPartition;
  /** False: the root is not packed yet. */
  readonly rootReady?: boolean;
  /** Boot configs by device; `{}` for the others. */
  readonly configs?: ReadonlyMap<string, string>;
  /** Paths of what the boot plane's TLS listener shows; without them there is none. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Ports that stay the same when the boot plane starts anew. */
  readonly ports?: { readonly http: number; readonly nbd: number };
  /** Port where logs of bootloaders and kernels are heard, and kernels are told to send theirs. */
  readonly logPort?: number;
  /** Answer DHCP, of boards that act as if they stood behind a relay. */
  readonly dhcp?: boolean;
}

export async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

async function once(bytes: Uint8Array) {
  return (async function* () {
    yield bytes;
  })();
}

const anyPort = { host: '127.0.0.1', port: 0 };

export async function startLab(options: LabOptions = {}): Promise<NetbootLab> {
  const dataDir = await mkdtemp(join(tmpdir(), 'drv-boot-'));
  const files = new Map([...standardFiles(), ...(options.files ?? [])]);
  const [tftpPort, dhcpPort] = [await freePort(), await freePort()];
  const parsed = SettingsSchema.parse({
    dataDir,
    boot: {
      interfaces: ['127.0.0.1'],
      dhcp:
        options.dhcp === true
          ? {
              mode: 'proxy',
              relay: true,
              port: dhcpPort,
              proxyPort: dhcpPort + 1,
              clientPort: dhcpPort + 2,
              delays: { rom: 50 },
            }
          : { mode: 'off' },
      tftp: { port: tftpPort },
      nbd: { listen: [`127.0.0.1:${options.ports?.nbd ?? 0}`] },
      ...(options.logPort === undefined ? {} : { logs: { listen: [`127.0.0.1:${options.logPort}`], kernel: true } }),
      sessionTtlSeconds: options.sessionTtlSeconds ?? 600,
    },
  });
  const settings: Settings = {
    ...parsed,
    dataDir,
    helpers: { cacheDir: join(dataDir, 'helpers') },
    builds: { ...parsed.builds, cacheDir: join(dataDir, 'build-cache') },
    nfs: { ...parsed.nfs, folder: join(dataDir, 'nfs') },
    boot: {
      ...parsed.boot,
      http: {
        listen: [{ ...anyPort, port: options.ports?.http ?? 0 }],
        tls: options.tls && { ...options.tls, listen: [anyPort] },
      },
    },
  };
  const store = await createSqlStore({ file: join(dataDir, 'drover.sqlite'), log: testLog, pollMs: 200 });
  const blobs = await createFsBlobStore(join(dataDir, 'blobs'));
  const ids = createIds({ clock: systemClock });
  const feed = createTimelineFeed((error) => testLog.error({ err: error }, 'feed'));
  const defaultTenant = ids.next('ten');
  const orders = createOrderDesk();
  const storage = { store, blobs, uploads: undefined, serverId: 'test', close: async () => undefined };
  const service = createBoot(settings, storage as never, {
    clock: systemClock,
    ids,
    log: testLog,
    feed,
    defaultTenant,
    authenticate: createAuthentication({ store, clock: systemClock, hashing, log: testLog }).authenticate,
    diskOrders: (known, reports) => orders.exchange(known, reports, AbortSignal.timeout(500)),
    retire: async () => undefined,
    onUnassigned: () => undefined,
    enqueue: createEnqueue({ clock: systemClock, ids }),
    effectiveConfig: (device) => Promise.resolve(options.configs?.get(device) ?? '{}'),
    discovery: createDiscovery({ store, clock: systemClock, ids, log: testLog }),
  });

  const root = randomBytes(3_000_003);
  let imageDigest = '';
  const image = await makeImage();
  async function makeImage(): Promise<string> {
    const { path, tree } = await (options.makeImage ?? makeBootPartition)(dataDir, files);
    const disk = await readFile(path);
    const { digest, size } = await blobs.put(await once(disk));
    imageDigest = digest;
    const treeBlob = await blobs.put(await once(Buffer.from(JSON.stringify({ ...tree, image: digest }))));
    const common = await blobs.put(await once(randomBytes(100_001)));
    const modules = await blobs.put(await once(randomBytes(50_002)));
    const squashfs = await blobs.put(await once(root));
    const id = ids.next('img');
    await store.transaction(async (tx) => {
      await tx.tenants.insert({ id: defaultTenant, name: 'default', quota: unlimited, createdAt: at });
      for (const blob of [{ digest, size }, treeBlob, common, modules, squashfs]) await tx.blobs.record(blob, at);
      await tx.images.insert({
        id,
        tenant: null,
        name: 'test',
        version: '1',
        state: 'ready',
        stateReason: null,
        digest,
        size,
        facts: null,
        job: null,
        createdAt: at,
        updatedAt: at,
        revision: 1,
        source: {},
      });
      const derive = async (
        kind: 'boot-tree' | 'initramfs' | 'root-squashfs',
        variant: string,
        blob: { digest: string; size: number },
      ) =>
        tx.images.saveDerivative({
          image: id,
          kind,
          variant,
          blob: blob.digest,
          size: blob.size,
          recipe: '1',
          createdAt: at,
        });
      await derive('boot-tree', 'boot-tree', treeBlob);
      await derive('initramfs', 'common/arm64', common);
      await derive('initramfs', 'modules/arm64/6.6.31-v8', modules);
      if (options.rootReady !== false) await derive('root-squashfs', 'xz', squashfs);
    });
    return id;
  }

  let backend: ReturnType<typeof createBackendServer> | undefined;
  let plane: BootPlane | undefined;
  const signal = new AbortController().signal;
  const controlUp = async () => {
    backend = createBackendServer({ backend: service.backend, path: backendSocket(dataDir), log: testLog });
    await backend.start(signal);
  };
  const controlDown = async () => {
    await backend?.stop();
    backend = undefined;
  };
  const planeUp = async () => {
    plane = createBootPlane({ settings, log: testLog, signal });
    await plane.start(signal);
  };
  const planeDown = async () => {
    await plane?.stop();
    plane = undefined;
  };
  const deviceOf = (shown: string) => {
    const kind = shown.includes(':') ? 'mac' : 'boot-prefix';
    return store.read(async (tx) => (await tx.devices.findByIdentity('default', kind, shown))?.id);
  };

  await controlUp();
  await planeUp();
  return {
    ...{
      settings,
      tftpPort,
      dhcpPort,
      dataDir,
      store,
      service,
      orders,
      root,
      controlUp,
      controlDown,
      planeUp,
      planeDown,
      deviceOf,
    },
    bootFiles: files,
    imageDigest,
    httpUrl: () => plane!.urls()[0]!,
    httpsUrl: () => plane!.urls().find((url) => url.startsWith('https:')),
    tftpUrl: `tftp://127.0.0.1:${tftpPort}`,
    register: async (bootPrefix) => {
      await service.backend.identify({ site: 'default', bootPrefix, firmware: 'ee', isPi: true });
    },
    provision: async (prefix, more = {}) => {
      const id = await deviceOf(prefix);
      if (id === undefined) throw new Error(`nobody showed ${prefix}`);
      await store.transaction(async (tx) => {
        const device = (await tx.devices.get(id))!;
        const assignment: Assignment = {
          image,
          imageName: 'test:1',
          rootMode: 'ram',
          disk: null,
          kernelParameters: '',
          generation: (device.assignment?.generation ?? 0) + 1,
          assignedAt: at,
          leaseUntil: null,
          ...more,
        };
        const done = await tx.devices.update(id, device.revision, {
          tenant: defaultTenant,
          state: 'in-use',
          model: 'pi4',
          assignment,
          generation: assignment.generation,
        });
        if (!done) throw new Error('the device changed meanwhile');
      });
      return id;
    },
    timeline: async (device, until = () => true) => {
      for (const end = Date.now() + 30_000; ; await sleep(50)) {
        const entries = await store.read(async (tx) => {
          const session = await tx.sessions.latestOf(device);
          return session === undefined
            ? []
            : (await tx.sessions.timeline(session.id, 0, 5_000)).map(({ entry }) => entry);
        });
        if (until(entries)) return entries;
        if (Date.now() > end) throw new Error(`the timeline never came to be so: ${JSON.stringify(entries, null, 1)}`);
      }
    },
    close: async () => {
      await planeDown();
      await controlDown();
      await service.sweeper.stop();
      await blobs.close();
      await store.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** A file by curl; undefined when the server says it is not there. */
export async function curl(url: string, ...more: string[]): Promise<Buffer | undefined> {
  try {
    const { stdout } = await run('curl', ['-sS', '--fail', '--max-time', '30', ...more, url], {
      encoding: 'buffer',
      maxBuffer: 256 * 1024 * 1024,
    });
    return stdout;
  } catch (error) {
    // 22: HTTP status; 68: TFTP file not found; 71: what curl makes of a TFTP file without bytes.
    const code = (error as { code?: number }).code;
    if (code === 71) return Buffer.alloc(0);
    if (code === 22 || code === 68) return undefined;
    throw error;
  }
}

export const parametersOf = (cmdline: string): Record<string, string> =>
  Object.fromEntries(
    cmdline
      .trim()
      .split(' ')
      .map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]),
  );

/** What an initramfs says to the device API. */
export class DeviceClient {
  readonly url: string;
  readonly session: string;
  readonly secret: string;
  constructor(cmdline: string) {
    const parameters = parametersOf(cmdline);
    this.url = parameters['drover.url']!;
    this.session = parameters['drover.session']!;
    this.secret = parameters['drover.secret']!;
  }

  async exchange(
    nonce: string,
    change: Record<string, string> = {},
  ): Promise<{ status: number; lines: Record<string, string>; text: string; retryAfter: string | null }> {
    const body = new URLSearchParams({
      secret: this.secret,
      nonce,
      mac: 'dc:a6:32:01:02:03',
      release: '6.6.31-v8',
      ...change,
    });
    const response = await fetch(`${this.url}/device/v1/sessions/${this.session}/exchange`, { method: 'POST', body });
    const text = await response.text();
    return {
      status: response.status,
      lines: Object.fromEntries(
        text
          .trim()
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      ),
      text,
      retryAfter: response.headers.get('retry-after'),
    };
  }

  async get(what: 'root' | 'identity', authorization: string): Promise<Response> {
    return fetch(`${this.url}/device/v1/sessions/${this.session}/${what}`, { headers: { authorization } });
  }

  async report(step: string, state: string, authorization: string, log = ''): Promise<number> {
    const query = new URLSearchParams({ step, state, uptime: '4.2', message: 'as told' });
    const response = await fetch(`${this.url}/device/v1/sessions/${this.session}/reports?${query.toString()}`, {
      method: 'POST',
      headers: { authorization },
      body: log,
    });
    return response.status;
  }
}
