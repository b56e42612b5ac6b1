import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Role } from '@drover/contract';
import { hashing } from '../../src/adapters/hashing/index.js';
import { createIds, systemClock } from '../../src/adapters/system/index.js';
import { addKey } from '../../src/app/tenants/keys.js';
import { addTenant } from '../../src/app/tenants/tenants.js';
import { DeviceClient, startLab, type NetbootLab } from './netboot-lab.js';

let lab: NetbootLab;
beforeAll(async () => {
  lab = await startLab({});
});
afterAll(() => lab.close());

const ids = createIds({ clock: systemClock });
const nonce = (): string => randomBytes(16).toString('hex');

/** What a card's initramfs asks first. */
async function ask(fields: Record<string, string>, key?: string) {
  const form = { nonce: nonce(), release: '6.6.31-v8', model: 'Raspberry Pi 4 Model B Rev 1.4', ...fields };
  const answer = await fetch(`${lab.httpUrl()}/device/v1/boots`, {
    method: 'POST',
    body: new URLSearchParams(form),
    ...(key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } }),
  });
  const text = await answer.text();
  const lines: Record<string, string> = Object.fromEntries(
    text.split('\n').map((line) => line.split('=', 2) as [string, string]),
  );
  return { status: answer.status, text, lines, retryAfter: answer.headers.get('retry-after') };
}

const keyOf = (role: Role, tenant?: string): Promise<string> =>
  lab.store.transaction(async (tx) => {
    const owner = tenant === undefined ? await tx.tenants.findByName('default') : undefined;
    const id = owner?.id ?? (await addTenant({ clock: systemClock, ids }, tx, tenant ?? 'default')).id;
    const deps = { clock: systemClock, ids, hashing };
    return (await addKey(deps, tx, { name: `${role} key`, role, tenant: id, by: null })).key;
  });

const sessionsOf = async (device: string): Promise<string[]> =>
  (await lab.store.read((tx) => tx.sessions.list({ device }, { limit: 10 }))).items.map(({ id }) => id);

/** A board that a first question has made known, with an image. */
async function known(mac: string, serial: string): Promise<string> {
  await ask({ mac, serial });
  return lab.provision(serial.slice(-8));
}

describe('a board that boots from a card', () => {
  it('is discovered, told to wait until it has an image, and then gets a boot it can exchange', async () => {
    const [mac, serial] = ['dc:a6:32:00:00:01', '10000000aa000001'];
    const first = nonce();
    const waits = await ask({ mac, serial, nonce: first });
    expect(waits).toMatchObject({ status: 503, retryAfter: '15' });
    expect(waits.text).toContain('it is not adopted');
    const id = await lab.provision('aa000001');
    const boots = await ask({ mac, serial, nonce: first });
    expect(boots.lines).toMatchObject({ mode: 'ram', hostname: expect.any(String) as string });
    const { session, secret } = boots.lines;
    const client = new DeviceClient(`drover.url=${lab.httpUrl()} drover.session=${session} drover.secret=${secret}`);
    expect(await client.report('card', 'ok', `Secret ${secret}`)).toBe(204);
    const granted = await client.exchange(nonce(), { mac, serial });
    expect(granted.status).toBe(200);
    const entries = await lab.timeline(id, (all) => all.some(({ type }) => type === 'exchange'));
    expect(entries.find(({ type }) => type === 'card.asked')).toMatchObject({
      outcome: 'booting',
      release: '6.6.31-v8',
    });
    const device = await lab.store.read((tx) => tx.devices.get(id));
    expect(device).toMatchObject({ mac, serial, bootPrefix: 'aa000001', model: 'pi4' });
  });

  it('gets the same boot again when an answer was lost, and another one when it starts anew', async () => {
    const [mac, serial] = ['dc:a6:32:00:00:02', '10000000aa000002'];
    const id = await known(mac, serial);
    const same = nonce();
    const [one, two] = [await ask({ mac, serial, nonce: same }), await ask({ mac, serial, nonce: same })];
    expect(two.lines).toEqual(one.lines);
    const other = await ask({ mac, serial });
    expect(other.lines['session']).not.toBe(one.lines['session']);
    await expect.poll(() => sessionsOf(id)).toContain(other.lines['session']);
    await expect
      .poll(async () => (await lab.store.read((tx) => tx.sessions.get(one.lines['session'] ?? '')))?.outcome)
      .toBe('superseded');
  });

  it('is shut out of a boot that somebody else took the secret of', async () => {
    const [mac, serial] = ['dc:a6:32:00:00:03', '10000000aa000003'];
    await known(mac, serial);
    const { session, secret } = (await ask({ mac, serial })).lines;
    const client = new DeviceClient(`drover.url=${lab.httpUrl()} drover.session=${session} drover.secret=${secret}`);
    expect((await client.exchange(nonce())).status).toBe(200);
    expect((await client.exchange(nonce())).text).toContain('used-twice');
    expect(await client.report('mount', 'ok', `Secret ${secret}`)).toBe(403);
  });

  it('is refused when two boards claim one serial', async () => {
    const serial = '10000000aa000004';
    await known('dc:a6:32:00:00:04', serial);
    expect(await ask({ mac: 'dc:a6:32:00:00:ff', serial })).toMatchObject({ status: 403 });
  });

  it('is refused with the reason on its timeline when the image has no modules for its kernel', async () => {
    const [mac, serial] = ['dc:a6:32:00:00:05', '10000000aa000005'];
    const id = await known(mac, serial);
    await lab.store.transaction(async (tx) => {
      const image = (await tx.images.get((await tx.devices.get(id))?.assignment?.image ?? ''))!;
      const kernels = [{ file: 'kernel8.img', architecture: 'arm64' as const, release: '6.6.31-v8', modules: true }];
      const facts = { kernels, models: ['pi4'], unfit: [], warnings: [], partitions: [] };
      await tx.images.update(image.id, image.revision, { facts: facts as never, updatedAt: image.updatedAt });
    });
    const refused = await ask({ mac, serial, release: '5.10.0' });
    expect(refused).toMatchObject({ status: 403 });
    expect(refused.text).toContain('the kernel on its card is 5.10.0');
    await lab.timeline(id, (all) => all.some((entry) => entry.type === 'card.asked' && entry.outcome === 'refused'));
    const [session] = await sessionsOf(id);
    expect(await lab.store.read((tx) => tx.sessions.get(session ?? ''))).toMatchObject({
      outcome: 'failed',
      verdict: { fault: 'card-refused' },
    });
    expect((await ask({ mac, serial })).status).toBe(200);
  });

  it('waits while the control plane is away', async () => {
    await lab.controlDown();
    expect(await ask({ mac: 'dc:a6:32:00:00:06', serial: '' })).toMatchObject({ status: 503, retryAfter: '2' });
    await lab.controlUp();
  });

  it('says which fields are not valid', async () => {
    const answer = await ask({ mac: 'none', nonce: '1', serial: 'x' });
    expect(answer.status).toBe(400);
    expect(answer.text).toMatch(/nonce, mac, serial/);
  });
});

describe('the key of a card', () => {
  it('makes a board the tenant’s, a machine that is no Pi too', async () => {
    const mac = '52:54:00:00:00:01';
    const model = 'linux,dummy-virt';
    expect((await ask({ mac, model })).text).toContain('no Raspberry Pi');
    const waits = await ask({ mac, model }, await keyOf('device'));
    expect(waits).toMatchObject({ status: 503 });
    const id = await lab.deviceOf(mac);
    expect(await lab.store.read((tx) => tx.devices.get(id ?? ''))).toMatchObject({ state: 'available', model: 'virt' });
  });

  it.each([
    ['that nobody made', () => Promise.resolve(`drv_${'A'.repeat(43)}`), 'is not known here'],
    ['that may do more than a card needs', () => keyOf('reader'), 'has the role reader'],
    ['of another tenant', () => keyOf('device', 'strangers'), 'belongs to another tenant'],
  ])('%s lets it not boot', async (_what, key, reason) => {
    const [mac, serial] = ['dc:a6:32:00:00:02', '10000000aa000002'];
    const refused = await ask({ mac, serial }, await key());
    expect(refused.status).toBe(403);
    expect(refused.text).toContain(reason);
  });

  it('is no matter when the card was made for another board', async () => {
    const [mac, serial] = ['dc:a6:32:00:00:02', '10000000aa000002'];
    const refused = await ask({ mac, serial, device: 'sign-1' }, await keyOf('device'));
    expect(refused.text).toContain('made for the device sign-1');
    const id = (await lab.deviceOf('aa000002'))!;
    expect((await ask({ mac, serial, device: id })).status).toBe(200);
  });
});
