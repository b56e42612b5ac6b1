import { DoctorReport, success, type Finding, type Image, type Observation, type Principal } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import type { Derivative } from '../images/ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { createDoctor, type DoctorDeps } from './doctor.js';

const reader: Principal = { key: `key_${'0'.repeat(26)}`, name: 'a reader', tenant: null, role: 'reader' };
const eth0 = { name: 'eth0', address: '10.0.0.1', netmask: '255.255.255.0' };
const eth1 = { name: 'eth1', address: '10.1.0.1', netmask: '255.255.255.0' };
const image = { id: `img_${'0'.repeat(26)}`, ref: 'big:1', state: 'ready' } as Image;

const part = (variant: string, size: number): Derivative => ({
  ...{ image: image.id, kind: 'initramfs', variant, blob: 'b', size, recipe: '1', createdAt: '' },
});

const setUp = (more: Partial<DoctorDeps> = {}, derivatives: Derivative[] = []) => {
  const seen: Observation[] = [];
  const told: Finding = { fault: 'x', severity: 'error', message: 'X.', remedy: 'Y.', evidence: [] };
  const tx = { images: { derivatives: async () => derivatives } } as unknown as Transaction;
  const doctor = createDoctor({
    store: { read: (work: (tx: Transaction) => unknown) => Promise.resolve(work(tx)) } as unknown as Store,
    clock: { now: () => 60_000 },
    images: {
      list: async () => ({ items: [image], next: null }),
      files: async () => success({ items: [{ path: 'kernel8.img', size: 9_000_000 }], next: null }),
    },
    boards: {
      ...{ dhcpMode: 'proxy', relay: false, serverAddress: null, tftpMaxBlockSize: 1468 },
      ports: { dhcp: 67, tftp: 69, http: 8081, nbd: 10_809, nfs: null },
    },
    bootPlane: { ready: true, network: { served: [eth0], refused: [], rivals: [] } },
    interfaces: () => [eth0, eth1],
    wanted: () => [eth0],
    conflicts: () => [],
    diagnose: (observations) => {
      seen.push(...observations);
      return [told];
    },
    ...{ host: 'here', version: '1.0.0' },
    ...more,
  });
  return { doctor, seen };
};

const reportOf = async (doctor: ReturnType<typeof createDoctor>): Promise<DoctorReport> => {
  const answer = await doctor.report(reader);
  if (!answer.ok) throw new Error(answer.detail);
  return DoctorReport.parse(answer.value);
};

describe("the server's half of the doctor", () => {
  it('tells what it serves, what of its machine it does not, and the largest file of each image', async () => {
    const { doctor, seen } = setUp();
    const report = await reportOf(doctor);
    expect(report).toMatchObject({ healthy: false, host: 'here', findings: [{ fault: 'x' }] });
    expect(report.observations).toEqual(seen);
    expect(seen).toMatchObject([
      { kind: 'server', interfaces: [eth0], unserved: [eth1], bootPlaneReady: true },
      { kind: 'server.file', image: 'big:1', path: 'kernel8.img', bytes: 9_000_000 },
    ]);
  });

  it('counts an initramfs as boards get it: what is common and the modules of one kernel', async () => {
    const parts = [part('common/arm64', 5e6), part('modules/arm64/6.1', 6e6), part('modules/arm64/6.6', 7e6)];
    const tree: Derivative = { ...part('', 1), kind: 'boot-tree' };
    const { doctor, seen } = setUp({}, [tree, ...parts]);
    await doctor.report(reader);
    expect(seen.at(-1)).toMatchObject({ kind: 'server.file', path: 'the initramfs', bytes: 12e6 });
  });

  it('passes on what the boot plane heard, and which boards claim to be one', async () => {
    const rival = { server: '10.0.0.254', options: [66], tftpServer: null, bootFile: null, at: 30_000 };
    const { doctor, seen } = setUp({
      bootPlane: {
        ready: true,
        network: { served: [], refused: [{ address: '10.0.0.1', reason: 'it is taken' }], rivals: [rival] },
      },
      conflicts: () => [{ reason: 'two boards', at: 45_000 }],
    });
    await doctor.report(reader);
    expect(seen).toMatchObject([
      { kind: 'server' },
      { kind: 'server.refused', reason: 'it is taken' },
      { kind: 'server.rival', bootOptions: [66], at: '1970-01-01T00:00:30.000Z' },
      { kind: 'server.conflict', reason: 'two boards' },
      { kind: 'server.file' },
    ]);
  });

  it('says what it could not look for before the boot plane has told anything', async () => {
    const { doctor } = setUp({ bootPlane: { ready: false, network: undefined } });
    const { checks } = await reportOf(doctor);
    expect(checks.filter(({ outcome }) => outcome === 'skipped').map(({ name }) => name)).toEqual([
      'server.interfaces',
      'server.rivals',
    ]);
  });

  it('is not for the keys of boards', async () => {
    expect(await setUp().doctor.report({ ...reader, role: 'device' })).toMatchObject({ code: 'auth.forbidden' });
  });
});
