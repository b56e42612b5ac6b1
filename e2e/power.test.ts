import { access, chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Device, DomainEvent } from '@drover/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { powerOn, type Pi } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import type { Lab } from './lab/index.js';

// A power program of Bakery's kind that really switches a board: QEMU runs while it has power. It can be told to lie.

const serial = '1000000050ffee01';
const name = 'rig-1';
const proveSeconds = 45;

/** Hands what it is asked to the rig, and says ok when that is done; or at once, when it lies. */
const program = `#!/bin/sh
[ "$1" = -c ] && rig=$(cat "$2") || exit 1
said=$(cat)
case $said in
  *'"piId":"${serial.slice(-8)}"'*) ;;
  *) echo "unknown: $said"; exit 0 ;;
esac
[ ! -e "$rig/lies" ] || { printf ok; exit 0; }
case $said in
  *'"action":"poweron"'*) echo on >"$rig/.wanted" ;;
  *'"action":"poweroff"'*) echo off >"$rig/.wanted" ;;
esac
mv "$rig/.wanted" "$rig/wanted"
while [ -e "$rig/wanted" ]; do sleep 0.1; done
printf ok
`;

interface Rig {
  readonly folder: string;
  /** The board that has power now. */
  readonly board: () => Pi | undefined;
  /** What was done so far. */
  readonly done: readonly string[];
  readonly stop: () => Promise<void>;
}

/** Where the board hangs: gives and takes its power as the program wants it. */
function startRig(lab: Lab, folder: string): Rig {
  let board: Pi | undefined;
  let isOver = false;
  const done: string[] = [];
  const wanted = path.join(folder, 'wanted');
  const work = async (): Promise<void> => {
    while (!isOver) {
      const order = await readFile(wanted, 'utf8').catch(() => undefined);
      if (order !== undefined) {
        await board?.kill();
        board = order.trim() === 'on' ? await powerOn(lab, { model: '4b', serial }) : undefined;
        done.push(order.trim());
        await rm(wanted);
      }
      await sleep(100);
    }
    await board?.kill();
  };
  const working = work();
  return {
    folder,
    board: () => board,
    done,
    stop: async () => {
      isOver = true;
      await working;
    },
  };
}

let fast: FastLab;
let rig: Rig;
beforeAll(async () => {
  fast = await startFastLab('power', async ({ dir }) => {
    const folder = path.join(dir, 'rig');
    await mkdir(folder);
    await writeFile(path.join(folder, 'ppi'), program);
    await chmod(path.join(folder, 'ppi'), 0o755);
    await writeFile(path.join(folder, 'config'), folder);
    const driver = { kind: 'ppi', program: path.join(folder, 'ppi'), config: path.join(folder, 'config'), retries: 0 };
    return { power: { proveSeconds, drivers: { rig: driver } } };
  });
  rig = startRig(fast.lab, path.join(fast.lab.dir, 'rig'));
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

  await writeFile(path.join(rig.folder, 'lies'), '');
  const cycle = await client.call('powerDevice', { params: { ref: name }, body: { action: 'cycle' } });
  expect((await client.waitForJob(cycle.id)).state).toBe('succeeded');
  await expect.poll(async () => (await powerOf())?.state, { timeout: 2000 * proveSeconds }).toBe('unproven');
  const nothing = `nothing was heard of it in the ${proveSeconds} s after it was switched on`;
  expect((await powerOf())?.failure).toBe(nothing);
  expect(rig.done).toHaveLength(2);
  await rm(path.join(rig.folder, 'lies'));

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
