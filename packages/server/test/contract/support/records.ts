import type { ImageFacts } from '@drover/contract';
import type { SessionRecord } from '../../../src/app/boot/ports.js';
import type { DeviceRecord } from '../../../src/app/devices/ports.js';
import type { ImageRecord } from '../../../src/app/images/ports.js';
import type { JobRecord } from '../../../src/app/jobs/ports.js';
import type { KeyRecord } from '../../../src/app/tenants/ports.js';
import { iso, testIds } from './world.js';

export const someTime = '2026-01-01T00:00:00.000Z';

export const aTenant = (name: string) => ({
  ...{ id: testIds.next('ten'), name, createdAt: someTime },
  quota: { disks: null, diskBytes: null, backupBytes: null },
});

export const aKey = (change: Partial<KeyRecord> = {}): KeyRecord => ({
  id: testIds.next('key'),
  tenant: null,
  name: 'a key',
  role: 'admin',
  hint: 'drv_abc',
  hash: testIds.randomHex(32),
  createdAt: someTime,
  expiresAt: null,
  revokedAt: null,
  lastUsedAt: null,
  ...change,
});

export const aDevice = (change: Partial<DeviceRecord> = {}): DeviceRecord => ({
  id: testIds.next('dev'),
  tenant: null,
  site: 'default',
  name: `pi-${testIds.randomHex(4)}`,
  state: 'discovered',
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
  beat: null,
  createdAt: someTime,
  updatedAt: someTime,
  revision: 1,
  generation: 0,
  ...change,
});

export const facts = (change: Partial<ImageFacts> = {}): ImageFacts => ({
  scheme: 'mbr',
  diskId: '12345678',
  partitions: [],
  bootPartition: 1,
  rootPartition: 2,
  bootFiles: 3,
  release: null,
  architecture: 'arm64',
  init: 'systemd',
  kernels: [],
  initramfs: [],
  models: ['pi4', 'pi5', 'virt'],
  unfit: [{ model: 'pi1', reason: 'the kernel is 64-bit and this board is ARMv6' }],
  rootModes: ['ram'],
  warnings: [],
  rootUsedBytes: 1000,
  ...change,
});

export const anImage = (change: Partial<ImageRecord> = {}): ImageRecord => ({
  id: testIds.next('img'),
  tenant: null,
  name: 'debian',
  version: testIds.randomHex(4),
  state: 'ready',
  stateReason: null,
  digest: testIds.randomHex(32),
  size: 5_000_000_000_000,
  facts: facts(),
  job: null,
  createdAt: someTime,
  updatedAt: someTime,
  revision: 1,
  source: { kind: 'path', path: '/images/debian.img' },
  ...change,
});

export const aJob = (change: Partial<JobRecord> = {}): JobRecord => ({
  id: testIds.next('job'),
  tenant: null,
  kind: 'blob.verify',
  subject: null,
  state: 'queued',
  progress: null,
  attempts: 0,
  stalls: 0,
  cancelRequested: false,
  error: null,
  result: null,
  createdAt: someTime,
  startedAt: null,
  endedAt: null,
  input: {},
  checkpoint: {},
  leaseOwner: null,
  leaseUntil: null,
  notBefore: 0,
  ...change,
});

export const aSession = (device: string, change: Partial<SessionRecord> = {}): SessionRecord => ({
  id: testIds.next('bs'),
  device,
  stage: 'dhcp',
  outcome: 'running',
  verdict: null,
  firmware: 'ee',
  model: 'pi4',
  mac: 'dc:a6:32:00:00:01',
  bootPrefix: '0123abcd',
  address: null,
  generation: null,
  startedAt: someTime,
  upAt: null,
  endedAt: null,
  bytes: 0,
  nonceHash: null,
  exchangedAt: null,
  secretExpiresAt: Date.parse(someTime) + 600_000,
  ...change,
});

/** A moment `seconds` after {@link someTime}. */
export const at = (seconds: number): string => iso(Date.parse(someTime) + seconds * 1000);
