import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { settingsPath } from '@drover/bosh-cpi';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDirector, type Director } from '../packages/bosh-cpi/test/system/director.js';
import { powerOnWithConsole } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import { createRig, type Rig } from './drover/rig.js';
import { ask, shellOf } from './drover/shell.js';
import type { Guest } from './lab/index.js';

// A director's VM on a board that really has power, a system and disks.

const serial = '10000000b05c0001';
const MiB = 2 ** 20;

let fast: FastLab;
let rig: Rig<Guest>;
let director: Director;
beforeAll(async () => {
  fast = await startFastLab('bosh', async (lab) => {
    const start = () => powerOnWithConsole(lab, { model: '4b', serial });
    rig = await createRig(path.join(lab.dir, 'rig'), serial, start, { contract: 'extended', timeoutSeconds: 120 });
    return { power: { drivers: { rig: rig.driver } } };
  });
  const { client, url, key } = fast.drover;
  const device = await client.call('createDevice', { body: { name: 'blade-1', serial, model: 'pi4' } });
  await client.call('updateDevice', { params: { ref: device.id }, body: { power: { driver: 'rig' } } });
  director = createDirector({ url, key });
});
afterAll(async () => {
  await rig?.stop();
  await fast?.stop();
});

interface Vm {
  readonly cid: string;
  readonly address: string | undefined;
  readonly guest: Guest;
}

/** As a director asks for one; its board is up then, with somebody at its console. */
async function createVm(agent: string, stemcell: string, disks: readonly string[], after: string | null): Promise<Vm> {
  const properties = { root_mode: 'ram', ephemeral_disk: 64 };
  const networks = { pis: { type: 'dynamic', default: ['dns', 'gateway'] } };
  const env = { bosh: { mbus: { cert: { private_key: 'of the agent alone' } } } };
  const [cid, told] = await director.get<[string, Record<string, { ip?: string }>]>('create_vm', [
    agent,
    ...[stemcell, properties, networks, disks, env],
  ]);
  await fast.drover.untilUp(cid, after);
  const guest = rig.board();
  if (guest === undefined) throw new Error('the board has no power');
  await shellOf(guest);
  return { cid, address: told['pis']?.ip, guest };
}

/** Stemcells make a node of that name for each disk (deploy/bosh/stemcell); this system has the link alone that every board has. */
const linkOf = (hint: string): string => {
  expect(hint).toMatch(/^\/dev\/bosh\/[^/]+$/);
  return hint.replace('/dev/bosh/', '/dev/disk/by-id/drover-');
};

const bytesOf = (guest: Guest, disk: string): Promise<string> =>
  ask(guest, `until [ -b ${disk} ]; do sleep 0.1; done; blockdev --getsize64 ${disk}`);

test('a VM has its settings, its disks and its end on a real board', async () => {
  const { stemcell_formats: formats } = await director.get<{ stemcell_formats: string[] }>('info', []);
  expect(formats.length).toBeGreaterThan(0);
  const stemcell = await director.get<string>('create_stemcell', ['/stemcell/image', { image: 'fast:1' }]);
  const disk = await director.get<string>('create_disk', [32, {}, null]);

  const agent = randomUUID();
  const first = await createVm(agent, stemcell, [disk], null);
  expect(rig.done.at(-1)).toBe('on');
  expect(await ask(first.guest, 'ip -4 -o addr show scope global | grep -o "inet [0-9.]*"')).toBe(
    `inet ${first.address}`,
  );
  // For root alone, with what only the agent may know.
  expect(await ask(first.guest, `stat -c "%a %u" ${settingsPath}`)).toBe('600 0');
  expect(await ask(first.guest, `grep -c -e '"agent_id": *"${agent}"' ${settingsPath}`)).toBe('1');
  expect(await ask(first.guest, `grep -c -e 'of the agent alone' ${settingsPath}`)).toBe('1');
  const ephemeral = await ask(first.guest, `grep -o '/dev/bosh/[^"]*' ${settingsPath} | head -n 1`);
  expect(await bytesOf(first.guest, linkOf(ephemeral))).toBe(String(64 * MiB));

  const place = linkOf((await director.get<{ path: string }>('attach_disk', [first.cid, disk])).path);
  expect(await bytesOf(first.guest, place)).toBe(String(32 * MiB));
  const write = `mke2fs ${place} >/dev/null 2>&1 && mkdir -p /root/m && mount -t ext4 ${place} /root/m && echo kept >/root/m/file && umount /root/m`;
  expect(await ask(first.guest, `${write} && echo written`)).toBe('written');
  const { lastSession } = await fast.drover.client.call('getDevice', { params: { ref: first.cid } });
  // With its persistent disk attached, as a director does it.
  await director.get('delete_vm', [first.cid]);
  await first.guest.ended;
  expect(rig.done.at(-1)).toBe('off');
  expect(await director.get('has_vm', [first.cid])).toBe(false);
  expect(await director.get('has_disk', [disk])).toBe(true);

  const second = await createVm(randomUUID(), stemcell, [disk], lastSession);
  const again = linkOf((await director.get<{ path: string }>('attach_disk', [second.cid, disk])).path);
  await bytesOf(second.guest, again);
  expect(await ask(second.guest, `mkdir -p /root/m && mount -t ext4 -o ro ${again} /root/m && cat /root/m/file`)).toBe(
    'kept',
  );
  expect(await ask(second.guest, 'umount /root/m && echo idle')).toBe('idle');
  await director.get('detach_disk', [second.cid, disk]);
  expect(await ask(second.guest, `[ -e ${again} ] && echo there || echo gone`)).toBe('gone');
  expect(await director.get('get_disks', [second.cid])).toEqual([]);
  await director.get('delete_vm', [second.cid]);
  await second.guest.ended;
  await director.get('delete_disk', [disk]);
  await director.get('delete_stemcell', [stemcell]);
  const { items } = await fast.drover.client.call('listDisks', { query: {} });
  expect(items).toEqual([]);
  expect((await fast.drover.client.call('getImage', { params: { ref: 'fast:1' } })).state).toBe('ready');
});
