import { access } from 'node:fs/promises';
import path from 'node:path';
import type { Device, DomainEvent } from '@drover/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { powerOn, type Pi } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import { createRig, type Rig } from './drover/rig.js';

// A power program of Bakery's kind that really switches a board: QEMU runs while it has power. It can be told to lie.

const serial = '1000000050ffee01';
const name = 'rig-1';
const proveSeconds = 45;

let fast: FastLab;
let rig: Rig<Pi>;
beforeAll(async () => {
  fast = await startFastLab('power', async (lab) => {
    rig = await createRig(path.join(lab.dir, 'rig'), serial, () => powerOn(lab, { model: '4b', serial }));
    return { power: { proveSeconds, drivers: { rig: rig.driver } } };
  });
});
afterAll(async () => {
  await rig?.stop();
  await fast?.stop();
});

const powerOf = async (): Promise<Device['power']> =>
  (await fast.drover.client.call('getDevice', { params: { ref: name } })).power;

const told = async (): Promise<string[]> => {
  const { items } = await fast.drover.client.call('listEvents', { query: { limit: 500 } });
  return items
    .filter(({ type }: DomainEvent) => type.startsWith('power.') || type === 'device.released')
    .map(({ type, data }: DomainEvent) =>
      `${type} ${((data['reason'] ?? data['to'] ?? data['state']) as string) ?? ''}`.trim(),
    );
};

test('a board gets power with its image and loses it with its release; a program that lies is found out', async () => {
  const { client } = fast.drover;
  await client.call('createDevice', { body: { name, serial, model: 'pi4' } });
  await client.call('updateDevice', { params: { ref: name }, body: { power: { driver: 'rig' } } });
  await client.call('provision', { body: { image: 'fast:1', device: name } });
  const script = '#!/bin/sh\necho "a file of its own: $(hostname)" >/dev/console\n';
  const file = { path: '/etc/init.d/S90own', mode: '0755', content: Buffer.from(script).toString('base64') };
  await client.call('putDeviceFile', { params: { ref: name }, body: file });
  await fast.drover.untilUp(name);
  expect(rig.done).toEqual(['off', 'on']);
  await expect.poll(() => rig.board()?.guestConsole(), { timeout: 60_000 }).toContain(`a file of its own: ${name}`);
  await expect.poll(async () => (await powerOf())?.state, { timeout: 10_000 }).toBe('on');

  await rig.lie(true);
  const cycle = await client.call('powerDevice', { params: { ref: name }, body: { action: 'cycle' } });
  expect((await client.waitForJob(cycle.id)).state).toBe('succeeded');
  await expect.poll(async () => (await powerOf())?.state, { timeout: 2000 * proveSeconds }).toBe('unproven');
  const nothing = `nothing was heard of it in the ${proveSeconds} s after it was switched on`;
  expect((await powerOf())?.failure).toBe(nothing);
  expect(rig.done).toHaveLength(2);
  await rig.lie(false);

  const running = rig.board();
  await client.call('releaseDevice', { params: { ref: name } });
  await fast.drover.deviceUntil(name, ({ state }) => state === 'available', 60_000);
  await running?.ended;
  expect(rig.done).toEqual(['off', 'on', 'off']);
  await expect(access(path.join(rig.folder, 'wanted'))).rejects.toThrow('ENOENT');
  const proved = 'power.proved off';
  await expect.poll(told, { timeout: 2000 * proveSeconds }).toContain(proved);
  expect((await told()).filter((each) => each !== 'power.switched off' && each !== 'power.switched on').sort()).toEqual(
    ['device.released available', `power.failed ${nothing}`, proved, 'power.proved on'].sort(),
  );
});
