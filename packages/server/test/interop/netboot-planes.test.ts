import { afterEach, describe, expect, it } from 'vitest';
import { curl, DeviceClient, sha256, startLab, type NetbootLab } from './netboot-lab.js';

const prefix = '91cdf03d';
const nonce = 'a'.repeat(32);
let lab: NetbootLab;
const file = (name: string) => curl(`${lab.tftpUrl}/${prefix}/${name}`);

async function known(): Promise<void> {
  lab = await startLab();
  await lab.register(prefix);
  await lab.provision(prefix);
  await file('start4.elf');
}

afterEach(() => lab.close());

describe('the control plane away', () => {
  it('does not keep a known board from its files; its exchange waits', async () => {
    await known();
    const before = (await file('cmdline.txt'))!.toString();
    await lab.controlDown();
    expect((await file('cmdline.txt'))!.toString()).toBe(before);
    expect((await file('kernel8.img'))!.equals(lab.bootFiles.get('kernel8.img')!)).toBe(true);
    const client = new DeviceClient(before);
    const waiting = await client.exchange(nonce);
    expect(waiting.status).toBe(503);
    expect(waiting.text).toContain('control plane is away');
    expect(await client.report('network', 'ok', `Secret ${client.secret}`)).toBe(204);
    await lab.controlUp();
    expect((await client.exchange(nonce)).status).toBe(200);
    const device = (await lab.deviceOf(prefix))!;
    const entries = await lab.timeline(device, (all) =>
      all.some((entry) => entry.type === 'report' && entry.step === 'network'),
    );
    expect(
      entries.some(
        (entry) => entry.type === 'tftp.file' && entry.path.endsWith('kernel8.img') && entry.outcome === 'complete',
      ),
    ).toBe(true);
  });

  it('does not keep a board that has its credential from its root', async () => {
    await known();
    const client = new DeviceClient((await file('cmdline.txt'))!.toString());
    const bearer = `Bearer ${(await client.exchange(nonce)).lines['credential']}`;
    await lab.controlDown();
    const root = await client.get('root', bearer);
    expect(sha256(Buffer.from(await root.arrayBuffer()))).toBe(sha256(lab.root));
    expect(await client.report('up', 'ok', bearer)).toBe(204);
    await lab.controlUp();
    const device = (await lab.deviceOf(prefix))!;
    await lab.timeline(device, (all) => all.some(({ type }) => type === 'session.ended'));
    expect((await lab.store.read((tx) => tx.devices.get(device)))?.upGeneration).toBe(1);
  });

  it('leaves boards it never heard of alone', async () => {
    await known();
    await lab.controlDown();
    expect(await curl(`${lab.tftpUrl}/0badcafe/start4.elf`)).toBeUndefined();
    expect(await curl(`${lab.tftpUrl}/0badcafe/config.txt`)).toBeUndefined();
  });
});

describe('a restart of the boot plane in the middle of a boot', () => {
  it.each([
    ['with the control plane there', true],
    ['with the control plane away', false],
  ])('renders the same bytes, %s', async (_name, controlThere) => {
    await known();
    const names = ['config.txt', 'cmdline.txt', 'drover.img'];
    const before = await Promise.all(names.map(file));
    // The port of HTTP is in the command line: a real server's is fixed.
    const port = Number(new URL(lab.httpUrl()).port);
    lab.settings.boot.http.listen = [{ host: '127.0.0.1', port }];
    if (!controlThere) await lab.controlDown();
    await lab.planeDown();
    await lab.planeUp();
    const after = await Promise.all(names.map(file));
    after.forEach((bytes, i) => expect(bytes?.equals(before[i]!), names[i]).toBe(true));
  });

  it('lets a board with its credential go on with its download', async () => {
    await known();
    const client = new DeviceClient((await file('cmdline.txt'))!.toString());
    const bearer = `Bearer ${(await client.exchange(nonce)).lines['credential']}`;
    const port = Number(new URL(lab.httpUrl()).port);
    lab.settings.boot.http.listen = [{ host: '127.0.0.1', port }];
    await lab.planeDown();
    const { rm } = await import('node:fs/promises');
    // Nothing is remembered: the credential itself is enough to ask anew.
    await rm(`${lab.dataDir}/run/boot-cache.json`, { force: true });
    await lab.planeUp();
    const root = await client.get('root', bearer);
    expect(root.status).toBe(200);
    expect(sha256(Buffer.from(await root.arrayBuffer()))).toBe(sha256(lab.root));
    expect(await client.report('up', 'ok', bearer)).toBe(204);
    const device = (await lab.deviceOf(prefix))!;
    await lab.timeline(device, (all) => all.some(({ type }) => type === 'session.ended'));
  });
});
