import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Assignment, TimelineEntry } from '@drover/contract';
import { createSqlStore, type SqlStore } from '../../src/adapters/sql/index.js';
import { unlimited } from '../../src/app/tenants/tenants.js';
import { createIds } from '../../src/adapters/system/index.js';
import { createDeviceSecrets } from '../../src/app/boot/device-secrets.js';
import { createTimelineFeed } from '../../src/app/boot/feed.js';
import type { Telemetry, WireIdentity } from '../../src/app/boot/ports.js';
import { createBootService, type BootService } from '../../src/app/boot/service.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { createDiscovery } from '../../src/app/devices/discovery.js';
import { silentLog } from '../boot/log.js';

export const wire: WireIdentity = {
  site: 'default',
  mac: 'dc:a6:32:01:02:03',
  bootPrefix: '91cdf03d',
  firmware: 'ee',
  model: 'pi4',
  isPi: true,
};

/** The service over a real database, with a clock of the test's. */
export class World {
  now = Date.UTC(2026, 0, 1);
  readonly clock = { now: () => this.now };
  readonly ids = createIds({ clock: this.clock });
  folder = '';
  store!: SqlStore;
  service!: BootService;
  readonly told: string[] = [];

  async start(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'drv-boot-'));
    this.store = await createSqlStore({ file: join(this.folder, 'db.sqlite'), log: silentLog, pollMs: 1000 });
    const discovery = createDiscovery({ store: this.store, clock: this.clock, ids: this.ids, log: silentLog });
    const feed = createTimelineFeed(() => undefined);
    feed.subscribe((session, _device, _tenant, items) => {
      for (const { seq, entry } of items) this.told.push(`${session}:${seq} ${entry.type}`);
    });
    const { store, clock, ids } = this;
    const noBlobs = { stat: async () => undefined, read: async () => new Uint8Array() };
    this.service = createBootService({
      ...{ store, clock, ids, feed },
      log: silentLog,
      blobs: noBlobs,
      diskOrders: async () => [],
      authenticate: async () => Promise.reject(new Error('no key in this test')),
      defaultTenant: 'none',
      retire: async () => undefined,
      onUnassigned: () => undefined,
      enqueue: createEnqueue({ clock, ids }),
      effectiveConfig: async () => '{}',
      registerSeen: (seen) => discovery.registerSeen(seen, { autoAdopt: null, discoveredLimit: 100 }),
      learnSerial: (device, serial) => discovery.learnSerial(device, serial),
      learnMemory: (device, memoryKiB) => discovery.learnMemory(device, memoryKiB),
      settings: {
        site: 'default',
        dhcpMode: 'proxy',
        sessionTtlSeconds: 600,
        retentionDays: 30,
        heartbeatSeconds: 300,
      },
      secrets: createDeviceSecrets({
        ...{ store, ids },
        log: silentLog,
        generate: async () => ({ kty: 'OKP', crv: 'Ed25519', x: 'eA', d: 'ZA' }),
      }),
    });
  }

  async stop(): Promise<void> {
    await this.store.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  at = (): string => new Date(this.now).toISOString();
  entry = (entry: Record<string, unknown>): TimelineEntry => ({ at: this.at(), ...entry }) as TimelineEntry;

  async device(): Promise<string> {
    const answer = await this.service.backend.identify(wire);
    if (answer.kind === 'ignore') throw new Error(answer.reason);
    return answer.device.id;
  }

  /** As the boot plane opens one. */
  async open(device: string, generation: number | null = 1): Promise<string> {
    const id = this.ids.next('bs');
    await this.tell([{ kind: 'opened', opened: { id, device, wire, generation, openedAt: this.now } }]);
    return id;
  }

  tell = (items: Telemetry[], batch = this.ids.randomHex(8)) => this.service.backend.telemetry(batch, items);
  say = (session: string, device: string, ...entries: Record<string, unknown>[]) =>
    this.tell(entries.map((entry) => ({ kind: 'entry', session, device, entry: this.entry(entry) })));
  session = (id: string) => this.store.read((tx) => tx.sessions.get(id));

  /** A device of a tenant with an image; `root`: packed already. */
  async provisioned(root: boolean): Promise<string> {
    const device = await this.device();
    const image = this.ids.next('img');
    const blob = (letter: string) => letter.repeat(64);
    await this.store.transaction(async (tx) => {
      const at = this.at();
      const tenant = this.ids.next('ten');
      await tx.tenants.insert({ id: tenant, name: `t${this.ids.randomHex(4)}`, quota: unlimited, createdAt: at });
      for (const letter of ['a', 'b', 'c', 'd']) await tx.blobs.record({ digest: blob(letter), size: 10 }, at);
      const common = { tenant: null, name: 'x', stateReason: null, facts: null, job: null, source: {} };
      await tx.images.insert({
        id: image,
        ...common,
        version: image,
        state: 'ready',
        digest: blob('a'),
        size: 10,
        createdAt: at,
        updatedAt: at,
        revision: 1,
      });
      const made = { image, size: 10, recipe: '1', createdAt: at };
      await tx.images.saveDerivative({ ...made, kind: 'boot-tree', variant: 'boot-tree', blob: blob('b') });
      await tx.images.saveDerivative({ ...made, kind: 'initramfs', variant: 'common/arm64', blob: blob('c') });
      if (root) await tx.images.saveDerivative({ ...made, kind: 'root-squashfs', variant: 'xz', blob: blob('d') });
      const assignment: Assignment = {
        image,
        imageName: 'x:1',
        rootMode: 'ram',
        disk: null,
        kernelParameters: '',
        generation: 1,
        assignedAt: at,
        leaseUntil: null,
      };
      const record = (await tx.devices.get(device))!;
      await tx.devices.update(device, record.revision, { tenant, state: 'in-use', assignment, generation: 1 });
    });
    return device;
  }
}

/** A kernel that was fetched. */
export const down = {
  type: 'tftp.file',
  path: 'p/kernel8.img',
  bytes: 100,
  ms: 5,
  outcome: 'complete',
  blockSize: 1024,
  windowSize: 1,
  retransmits: 0,
};
export const report = (step: string, state: string, message = '') => ({ type: 'report', step, state, message });
