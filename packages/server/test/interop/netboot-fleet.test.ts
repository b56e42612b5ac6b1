import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createIdentity,
  createRuntimeStage,
  fleetBoards,
  powerCycle,
  runFleet,
  type BoardStep,
  type FleetOptions,
  type RuntimeFaults,
} from '@drover/simulator';
import type { DeviceSecrets } from '../../src/app/devices/ports.js';
import { startLab, type NetbootLab } from './netboot-lab.js';

const bytes = (size: number) => randomBytes(size);
/** Small, as what is asked counts here. */
const files = new Map<string, Buffer>([
  ['start4.elf', bytes(30_000)],
  ['kernel8.img', bytes(100_000)],
  ['kernel_2712.img', bytes(80_000)],
  ['bcm2712-rpi-5-b.dtb', bytes(60_000)],
]);

/** Making host keys takes a second of a processor for each board, which is not what these tests are about. */
const secrets: DeviceSecrets = { machineId: '0'.repeat(32), sshHostKeys: {} };

let lab: NetbootLab;
beforeAll(async () => {
  lab = await startLab({ dhcp: true, files });
});
afterAll(() => lab.close());

const ports = () => ({ dhcpPort: lab.dhcpPort, relayPort: lab.dhcpPort, tftpPort: lab.tftpPort });

// Boards with a boot ROM are told apart by ARP, and loopback has none: no fleet of them here.
describe('a fleet of Pi 4 and Pi 5', () => {
  const options = (): FleetOptions => ({
    count: 24,
    seed: 11,
    models: { '4b': 1, '5': 1 },
    network: { mode: 'relay', server: '127.0.0.1', firstAddress: '127.45.0.1', ...ports() },
    attempts: 5,
    osStage: createRuntimeStage(),
  });

  it('is up, each board in a session of its own', async () => {
    const boards = fleetBoards(options());
    const devices: string[] = [];
    for (const { identity } of boards) {
      await lab.register(identity.shortSerial);
      devices.push(await lab.provision(identity.shortSerial));
    }
    await lab.store.transaction(async (tx) => {
      for (const device of devices) await tx.devices.saveSecrets(device, secrets);
    });
    const summary = await runFleet(options());
    expect(summary).toMatchObject({ boards: 24, up: 24, failures: {} });
    const sessions = new Set<string>();
    for (const [index, device] of devices.entries()) {
      await lab.timeline(device, (all) => all.some(({ type }) => type === 'session.ended'));
      const { session, record } = await lab.store.read(async (tx) => ({
        session: await tx.sessions.latestOf(device),
        record: await tx.devices.get(device),
      }));
      expect(session).toMatchObject({ outcome: 'up', verdict: null });
      expect(record).toMatchObject({ serial: boards[index]?.identity.serial, upGeneration: 1 });
      sessions.add(session?.id ?? '');
    }
    expect(sessions.size).toBe(24);
  });
});

describe('one board', () => {
  const serial = '1000000091cdf03d';
  const boot = (faults: RuntimeFaults = {}, onStep: (step: BoardStep) => void = () => undefined) =>
    powerCycle({
      board: {
        ...{ identity: createIdentity({ model: '4b', serial }), content: 'discard', onStep },
        network: { mode: 'relay', server: '127.0.0.1', address: '127.45.9.1', ...ports() },
      },
      osStage: createRuntimeStage(faults),
    });
  const ended = async () => {
    const device = (await lab.deviceOf(serial.slice(8)))!;
    await lab.timeline(device, (all) => all.some(({ type }) => type === 'session.ended'));
    return lab.store.read((tx) => tx.sessions.latestOf(device));
  };
  beforeAll(async () => {
    await lab.register(serial.slice(8));
    await lab.provision(serial.slice(8));
  });

  it('reports every step of the runtime, in order', async () => {
    expect(await boot()).toMatchObject({ up: true, attempts: 1 });
    const entries = await lab.timeline((await lab.deviceOf(serial.slice(8)))!, (all) =>
      all.some(({ type }) => type === 'log'),
    );
    const steps = entries.flatMap((entry) => (entry.type === 'report' && entry.state === 'ok' ? [entry.step] : []));
    expect(steps).toEqual(
      'start modules network clock exchange download verify mount identity prepare switch up'.split(' '),
    );
    expect(entries.find(({ type }) => type === 'root.download')).toMatchObject({ bytes: lab.root.length });
  });

  it('waits for its credential while the control plane is away', async () => {
    const said: string[] = [];
    let down: Promise<void> | undefined;
    let up: Promise<void> | undefined;
    const result = await boot({}, (step) => {
      if (step.type === 'loaded') down = lab.controlDown();
      if (step.type !== 'os') return;
      said.push(step.message);
      if (step.message.includes('the control plane is away')) up ??= down?.then(() => lab.controlUp());
    });
    await up;
    expect(said.join('\n')).toContain('HTTP 503: Not yet: the control plane is away.');
    expect(result).toMatchObject({ up: true });
    expect(await ended()).toMatchObject({ outcome: 'up' });
  });

  it.each<[string, RuntimeFaults, string, object]>([
    ['whose secret is used twice', { reuseSecret: true }, 'os:download', { outcome: 'revoked' }],
    ['that fails at a step', { failAt: 'mount' }, 'os:mount', { outcome: 'failed', stage: 'root' }],
  ])('%s is told so', async (_what, faults, failure, session) => {
    expect(await boot(faults)).toMatchObject({ up: false, failure });
    expect(await ended()).toMatchObject(session);
  });

  it('that falls silent stays where it was', async () => {
    expect(await boot({ stopAfter: 'verify' })).toMatchObject({ failure: 'os:stopped' });
    const device = (await lab.deviceOf(serial.slice(8)))!;
    const entries = await lab.timeline(device, (all) =>
      all.some((entry) => entry.type === 'report' && entry.step === 'verify' && entry.state === 'ok'),
    );
    expect(entries.some(({ type }) => type === 'session.ended')).toBe(false);
  });
});
