import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootFile } from '../../../card/test/support/card-image.js';
import { cacheDir } from '../../../../e2e/inputs/cache.js';
import { inputs, type FastImage } from '../../../../e2e/inputs/index.js';
import { environmentOf, runDrover, startServer, type Finished, type TestServer } from './server.js';

const MiB = 1 << 20;
let server: TestServer;
let fast: FastImage;
const at = (name: string): string => join(server.folder, name);
beforeAll(async () => {
  fast = await inputs.fast();
  server = await startServer({ settings: { helpers: { cacheDir: join(cacheDir, 'helpers') } } });
  await writeFile(at('key'), 'drv_0123456789abcdef\n');
  await writeFile(at('password'), 'secret pass\n');
});
afterAll(async () => {
  await server.stop();
});

/** `drover card image` as somebody without root or server runs it, with what has to be there. */
const card = (...args: string[]): Promise<Finished> =>
  runDrover(['card', 'image', ...args], { env: environmentOf(server.folder), cwd: server.folder });
const fine = ({ code, stdout, stderr }: Finished): string => {
  expect([code, stderr]).toEqual([0, expect.anything()]);
  return stdout;
};
const conf = (name: string): string => bootFile(at(name), 'drover/card.conf', 4 * MiB);
const wifi = ['--wifi-ssid', 'My Net', '--wifi-password-file', 'password', '--wifi-country', 'DE'];

describe('a file of a card', () => {
  it('holds the image and what its board has to know, and nobody else can read it', async () => {
    const settings = ['--card-server', 'http://192.0.2.7:8081', '--key-file', 'key', '--hostname', 'sign-1'];
    const args = ['sign-1.img', '--image', fast.path, ...settings, ...wifi, '--size', '512M'];
    const made = await card(...args);
    expect(fine(made)).toMatch(/^key\tdrv_012345\.\.\.$/m);
    expect(made.stderr).toMatch(/writing .*\nverifying /s);
    expect(made.stdout + made.stderr).not.toMatch(/drv_0123456|secret/);
    expect(conf('sign-1.img')).toBe('server=http://192.0.2.7:8081\nkey=drv_0123456789abcdef\nhostname=sign-1\n');
    const network = bootFile(at('sign-1.img'), 'drover/wpa_supplicant.conf', 4 * MiB);
    expect(network).toContain('psk=cad14e7071d64ff7a4493fde0e7729f7971926d957025246a0f861e63e7235d7');
    expect(network).not.toContain('secret');
    const { size, mode, blocks } = await stat(at('sign-1.img'));
    expect([size, mode & 0o777]).toEqual([512 * MiB, 0o600]);
    expect(blocks * 512).toBeLessThan(256 * MiB);
    expect(made.stdout).toMatch(/^root partition\t\S+ MiB, was \S+ MiB$/m);
  });

  it('keeps what it held when it is written again, but for what is given anew', async () => {
    const again = fine(await card('sign-1.img', '--image', fast.path, '--device', 'sign-1', '--json'));
    expect(JSON.parse(again)).toMatchObject({
      kept: ['server', 'key', 'hostname', 'wifi'],
      settings: { device: 'sign-1', key: 'drv_012345...', wifi: 'My Net' },
    });
    expect(conf('sign-1.img')).toContain('key=drv_0123456789abcdef\n');
    fine(await card('sign-1.img', '--image', fast.path, '--hostname', 'other', '--forget'));
    expect(conf('sign-1.img')).toBe('hostname=other\n');
  });

  it('never replaces what is no card of ours, and leaves nothing half made', async () => {
    await writeFile(at('letter.txt'), 'Dear reader');
    const letter = await card('letter.txt', '--image', fast.path);
    expect([letter.code, letter.stderr]).toEqual([4, expect.stringContaining('no card that Drover made')]);
    await copyFile(fast.path, at('vendor.img'));
    expect((await card('vendor.img', '--image', fast.path)).code).toBe(4);
    const small = await card('small.img', '--image', fast.path, '--size', '16M');
    expect([small.code, small.stderr]).toEqual([2, expect.stringContaining('less than the image has')]);
    expect((await readdir(server.folder)).filter((name) => /part$|^small/.test(name))).toEqual([]);
  });

  it.each([
    [['--card-server', 'http://127.0.0.1:8081'], 'A board cannot reach'],
    [['--card-server', 'https://192.0.2.7:8443', '--ca', 'key'], 'without the authority'],
    [['--hostname', 'Sign_1'], 'hostname is not a name'],
    [['--address', '192.0.2.7'], 'address is not an address with the length of its prefix'],
    [
      ['--address', '192.0.2.7/24', '--gateway', '192.0.3.1'],
      'gateway 192.0.3.1 is not another address in the network',
    ],
    [['--gateway', '192.0.2.1'], 'gateway is given without an address'],
    [['--wifi-ssid', 'My Net', '--wifi-country', 'DE'], 'The password of the network My Net is missing'],
    [['--wifi-ssid', 'My Net', '--wifi-password-file', 'password'], '--wifi-country is missing'],
    [['--key-file', 'key', '--new-key'], 'exclude each other'],
    [['--key-file', 'absent'], 'cannot be read'],
    [['--image', 'absent.img'], 'There is no file absent.img'],
    [['--size', 'big'], 'is not a size'],
  ])('is refused for %j, with what to do', async (args, why) => {
    const { code, stderr } = await card('bad.img', '--image', fast.path, ...args);
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)]);
  });
});

describe('a list of cards', () => {
  it('makes a file for each line, and says what became of each', async () => {
    await writeFile(
      at('cards.csv'),
      'hostname,key-file,device,address,vlan\nsign-2,key,,192.0.2.8/24,7\nsign-3,,sign-3,,\n',
    );
    await mkdir(at('cards'));
    await writeFile(at('cards/sign-3.img'), 'in the way');
    const args = ['--image', fast.path, '--cards', 'cards.csv', '--output', 'cards', ...wifi];
    const made = await card(...args, '--card-server', '192.0.2.7', '--json');
    expect(made.code).toBe(1);
    expect(JSON.parse(made.stdout)).toMatchObject([
      { name: 'sign-2', line: 2, card: { target: 'cards/sign-2.img' }, problem: null },
      { name: 'sign-3', line: 3, card: null, problem: { code: 'card.disk-refused' } },
    ]);
    expect(conf('cards/sign-2.img')).toBe(
      'server=http://192.0.2.7:8081\nkey=drv_0123456789abcdef\nhostname=sign-2\naddress=192.0.2.8/24\nvlan=7\n',
    );
  });

  it('is refused as a whole, with line and column, before anything is made', async () => {
    await writeFile(at('bad.csv'), 'hostname,key-file\nsign-4,key\nSign_5,key\n');
    const { code, stderr } = await card('--image', fast.path, '--cards', 'bad.csv', '--output', 'none');
    expect([code, stderr]).toEqual([2, expect.stringContaining('line 3: hostname is not a name')]);
    expect(await stat(at('none')).catch(() => 'none')).toBe('none');
  });
});

describe('an image of the server', () => {
  it('is on the card with a key that is made for it, of the least role', async () => {
    fine(await server.cli('image', 'import', fast.path, '--name', 'fast:1'));
    const { digest } = await server.client.images.get({ params: { ref: 'fast:1' } });
    const hash = createHash('sha256');
    for await (const chunk of server.client.download('downloadImageDisk', { params: { ref: 'fast:1' } }))
      hash.update(chunk);
    expect(hash.digest('hex')).toBe(digest);

    const args = ['--image', 'fast:1', '--card-server', 'http://192.0.2.7:8081', '--hostname', 'sign-6', '--new-key'];
    const made = JSON.parse(fine(await server.cli('card', 'image', at('sign-6.img'), ...args, '--json'))) as unknown;
    expect(made).toMatchObject({ image: { name: 'fast:1', sha256: digest }, kept: [] });
    const key = /^key=(.*)$/m.exec(conf('sign-6.img'))?.[1] ?? '';
    const answer = await fetch(`${server.url}/api/v2/me`, { headers: { authorization: `Bearer ${key}` } });
    expect(await answer.json()).toMatchObject({ name: 'card sign-6', role: 'device' });
  });

  it('leaves no key when its card cannot be made', async () => {
    const args = ['--image', 'fast:1', '--card-server', 'http://192.0.2.7:8081', '--hostname', 'sign-7', '--new-key'];
    expect((await server.cli('card', 'image', at('letter.txt'), ...args)).code).toBe(4);
    const { items } = await server.client.keys.list();
    expect(items.find(({ name }) => name === 'card sign-7')?.revokedAt).toEqual(expect.any(String));
    expect(await readFile(at('letter.txt'), 'utf8')).toBe('Dear reader');
  });
});

describe('a device', () => {
  it.each([
    ['/dev/null', 'is not a disk'],
    ['/dev/absent', 'is not there'],
  ])('%s is refused', async (device, why) => {
    const { code, stderr } = await server.cli('card', 'write', device, '--image', fast.path, '--yes');
    expect([code, stderr]).toEqual([4, expect.stringContaining(why)]);
  });
});
