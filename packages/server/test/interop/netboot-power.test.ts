import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RootMode } from '@drover/contract';
import { createIds, systemClock } from '../../src/adapters/system/index.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { createPowerWork, type PowerWork } from '../../src/composition/power.js';
import { SettingsSchema } from '../../src/config/schema.js';
import { silentLog } from '../boot/log.js';
import { startIsolationLab, type IsolationLab, type LabBoard } from './isolation-lab.js';
import { sleep } from './netboot-lab.js';

// Boards that a driver says it has switched off, and what shows whether that is so: over real sockets, with a program that switches nothing.

const proveSeconds = 20;
const never = new AbortController().signal;

let lab: IsolationLab;
let work: PowerWork;
const offs: AbortController[] = [];

beforeAll(async () => {
  lab = await startIsolationLab();
  const program = join(lab.dataDir, 'liar');
  await writeFile(program, '#!/bin/sh\ncat >/dev/null\nprintf ok\n');
  await chmod(program, 0o755);
  const power = { drivers: { liar: { kind: 'ppi', program } }, proveSeconds };
  const settings = SettingsSchema.parse({ dataDir: lab.dataDir, power });
  const clock = systemClock;
  const enqueue = createEnqueue({ clock, ids: createIds({ clock }) });
  work = createPowerWork(settings, { store: lab.store }, { clock, enqueue, log: silentLog, orders: lab.orders });
  await work.proofs.start(never);
});
afterAll(async () => {
  for (const off of offs) off.abort();
  await work.proofs.stop();
  await lab.close();
});

const recordOf = async (device: string) => (await lab.store.read((tx) => tx.devices.get(device)))!;

/** A board that is up, with that root. */
async function up(serial: string, address: string, rootMode: RootMode) {
  const board = await lab.addBoard(serial, address);
  if (rootMode !== 'nbd') await lab.provision(board.identity.shortSerial, { rootMode });
  const host = await board.start();
  expect((await host.exchange('a'.repeat(32))).lines['mode']).toBe(rootMode);
  const nbd = rootMode === 'nbd' ? await host.attach() : undefined;
  expect((await host.ask('POST', 'reports?step=up&state=ok&uptime=9&message=')).status).toBe(204);
  return { board, host, nbd };
}

function follow({ host }: Awaited<ReturnType<typeof up>>): AbortController {
  const off = new AbortController();
  offs.push(off);
  host.stayUp(off.signal);
  return off;
}

async function switchOff({ device, address }: LabBoard): Promise<void> {
  const supply = { driver: 'liar', values: { piId: address } };
  const nothing = { wanted: null, state: 'unknown', stateSince: null, failure: null } as const;
  await lab.store.transaction(async (tx) => {
    const { revision } = (await tx.devices.get(device))!;
    await tx.devices.update(device, revision, { power: { ...supply, ...nothing, actedAt: null, proofUntil: null } });
  });
  // What is told with a batch of telemetry is there before.
  await sleep(500);
  expect(await work.switchOff(await recordOf(device), never)).toMatchObject({ ok: true });
}

/** What came of it, with its seconds as N. */
async function outcome(device: string): Promise<string> {
  for (const end = Date.now() + (proveSeconds + 20) * 1000; Date.now() < end; await sleep(100)) {
    const events = await lab.store.read((tx) => tx.events.list({ after: 0, limit: 500, subject: device }));
    const told = events.find(({ type }) => type === 'power.failed' || type === 'power.proved');
    if (told === undefined) continue;
    return `${told.type}: ${String(told.data['reason'] ?? told.data['by']).replace(/\d+/, 'N')}`;
  }
  throw new Error('nothing came of it');
}

const lie = 'power.failed: it was heard N s after it was switched off';

describe('a board that was switched off, as the driver says', { timeout: 90_000 }, () => {
  it.concurrent.each([
    ['ram', '10000000a0000001', '127.61.0.1'],
    ['stream', '10000000a0000002', '127.61.0.2'],
    ['nbd', '10000000a0000003', '127.61.0.3'],
  ] as const)('and answers when it is asked, is not off: root mode %s', async (mode, serial, address) => {
    const it_ = await up(serial, address, mode);
    const off = follow(it_);
    const begun = Date.now();
    await switchOff(it_.board);
    expect(await outcome(it_.board.device)).toBe(lie);
    // Long before it would have asked by itself.
    expect(Date.now() - begun).toBeLessThan(proveSeconds * 1000);
    off.abort();
  });

  it.concurrent('and reads from its disk, is not off, whatever became of its runtime', async () => {
    const { board, nbd } = await up('10000000a0000004', '127.61.0.4', 'nbd');
    const reading = setInterval(() => void nbd!.ask({ type: 0, cookie: 1n, length: 512 }), 1_000);
    await switchOff(board);
    expect(await outcome(board.device)).toBe(lie);
    clearInterval(reading);
  });

  it.concurrent('and is silent, is off, also when its connection is found lost only later', async () => {
    const it_ = await up('10000000a0000005', '127.61.0.5', 'nbd');
    const off = follow(it_);
    await sleep(1_000);
    off.abort();
    await switchOff(it_.board);
    await sleep(8_000);
    it_.nbd!.socket.resetAndDestroy();
    expect(await outcome(it_.board.device)).toBe('power.proved: silence');
    const [last] = (await lab.timeline(it_.board.device)).slice(-1);
    expect(last).toMatchObject({ type: 'disk.detached', by: 'lost' });
  });
});
