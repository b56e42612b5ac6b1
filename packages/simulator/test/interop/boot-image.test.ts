import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFatImage } from '../../src/fat-image.js';
import { overlayOnChip, readOverlayMap } from '../../src/overlay-map.js';
import { bootFiles, bytesOf, writeFiles } from '../support/boot-folder.js';
import {
  createLab,
  runSimulator,
  startDnsmasq,
  startService,
  stepOf,
  proxyArguments,
  type Lab,
} from '../support/lab.js';

const run = promisify(execFile);

describe('boot.img made by mkfs.vfat and mcopy', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await createLab();
    await writeFiles(join(lab.folder, 'files'), { ...bootFiles, 'a rather long name.TXT': 'long', 'empty.bin': '' });
  });
  afterAll(() => lab.close());

  const makeImage = async (name: string, kilobytes: number, ...format: readonly string[]): Promise<Buffer> => {
    const path = join(lab.folder, name);
    await run('mkfs.vfat', ['-C', ...format, path, String(kilobytes)]);
    await run('sh', ['-c', 'mcopy -s -i "$1" "$2"/* ::', 'sh', path, join(lab.folder, 'files')]);
    return readFile(path);
  };

  it.each([
    ['FAT12', 4000, ['-F', '12']],
    ['FAT16', 20_000, ['-F', '16', '-s', '1']],
    ['FAT32', 40_000, ['-F', '32', '-s', '1']],
    ['clusters of 16 KiB', 33_000, ['-F', '12', '-s', '32']],
  ] as const)('%s: every file reads back, names without case', async (name, kilobytes, format) => {
    const opened = openFatImage(await makeImage(`${name}.img`, kilobytes, ...format));
    for (const [path, content] of Object.entries(bootFiles)) {
      expect(opened?.read(path.toUpperCase())?.equals(Buffer.from(content)), path).toBe(true);
    }
    expect(opened?.read('a rather long name.txt')?.toString()).toBe('long');
    expect(opened?.read('empty.bin')?.length).toBe(0);
    for (const absent of ['nothing', 'overlays', 'overlays/nothing', 'config.txt/x', ''])
      expect(opened?.read(absent)).toBeUndefined();
  });

  describe('boot mode 7, served by busybox httpd', () => {
    let place: string;
    const web = (): string => join(lab.folder, 'web');

    beforeAll(async () => {
      place = await lab.namespace('http');
      const image = await makeImage('boot.img', 8000);
      await run('openssl', ['genrsa', '-out', join(lab.folder, 'key.pem'), '2048']);
      await run('openssl', [
        'rsa',
        '-in',
        join(lab.folder, 'key.pem'),
        '-pubout',
        '-out',
        join(lab.folder, 'public.pem'),
      ]);
      await writeFiles(join(web(), 'net/lab'), { 'boot.img': image });
      const { stdout } = await run('sh', [
        '-c',
        'openssl dgst -sha256 -sign "$1" "$2" | od -An -v -tx1 | tr -d " \\n"',
        'sh',
        join(lab.folder, 'key.pem'),
        join(web(), 'net/lab/boot.img'),
      ]);
      const digest = createHash('sha256').update(image).digest('hex');
      await writeFile(join(web(), 'net/lab/boot.sig'), `${digest}\nts: 1700000000\nrsa2048: ${stdout}\n`);
      const httpd = ['busybox', 'httpd', '-f', '-vv', '-p', '127.0.0.1:8080', '-h', web()];
      lab.keep(await startService(place, ['sh', '-c', 'echo ready; exec "$@"', 'sh', ...httpd], /ready/));
      await writeFiles(join(web(), 'netboot/abcdef01'), bootFiles);
    });

    const http = ['--eeprom', 'bootMode=http', '--eeprom', 'HTTP_HOST=127.0.0.1', '--eeprom', 'HTTP_PORT=8080'];
    const board = async (model: string, ...args: readonly string[]) =>
      runSimulator(place, [
        '--model',
        model,
        '--serial',
        '10000000abcdef01',
        '--mode',
        'static',
        '--boot-server',
        '127.0.0.1',
        '--address',
        '127.16.0.1',
        ...args,
      ]);

    it.each(['4b', '5'])('a %s fetches boot.sig, then boot.img, and boots out of it', async (model) => {
      const key = await readFile(join(lab.folder, 'public.pem'), 'utf8');
      const result = await board(model, ...http, '--eeprom', 'HTTP_PATH=net/lab', '--eeprom', `publicKey=${key}`);
      expect(result.code, result.output).toBe(0);
      expect(result.files.map(({ path, outcome }) => `${path} ${outcome}`)).toEqual(['boot.sig ok', 'boot.img ok']);
      expect(stepOf(result, 'loaded').kernel).toBe(model === '5' ? 'kernel_2712.img' : 'kernel8.img');
    });

    it('refuses an image that does not match, is not signed by its key, or is not there', async () => {
      const folder = join(web(), 'net');
      const image = await readFile(join(folder, 'lab/boot.img'));
      const signature = await readFile(join(folder, 'lab/boot.sig'), 'utf8');
      const spoilt = Buffer.from(image);
      spoilt[5000] = (spoilt[5000] ?? 0) ^ 1;
      await writeFiles(folder, {
        'spoilt/boot.img': spoilt,
        'spoilt/boot.sig': signature,
        'gone/boot.sig': signature,
        'nosig/boot.img': image,
      });
      await writeFiles(folder, {
        'unsigned/boot.img': image,
        'unsigned/boot.sig': signature.split('\n').slice(0, 2).join('\n'),
      });
      const { stdout: other } = await run('sh', [
        '-c',
        'openssl genrsa 2048 2>/dev/null | openssl rsa -pubout 2>/dev/null',
      ]);
      const reason = async (path: string, ...args: readonly string[]): Promise<string> =>
        stepOf(await board('5', ...http, '--eeprom', `HTTP_PATH=net/${path}`, ...args), 'failed').reason;
      expect(await reason('spoilt')).toBe('digest');
      expect(await reason('gone')).toBe('not-found');
      expect(await reason('nosig')).toBe('no-signature');
      expect(await reason('lab', '--eeprom', `publicKey=${other}`)).toBe('signature');
      expect(await reason('unsigned', '--eeprom', `publicKey=${other}`)).toBe('unsigned');
    });

    it('the firmware flow runs over GET /netboot/<prefix>/<file> as well', async () => {
      const result = await board('4b', '--transport', 'http', '--http-port', '8080');
      expect(result.code, result.output).toBe(0);
      expect(result.files.every(({ transport }) => transport === 'http')).toBe(true);
      expect(stepOf(result, 'loaded').kernel).toBe('abcdef01/kernel8.img');
    });

    it('boot_ramdisk=1 takes the same image over TFTP', async () => {
      const tftp = join(lab.folder, 'tftp');
      const files = {
        'config.txt': 'boot_ramdisk=1\n',
        'boot.img': await readFile(join(web(), 'net/lab/boot.img')),
        'start4.elf': bytesOf(1, 100),
      };
      await writeFiles(join(tftp, 'abcdef01'), files);
      lab.keep(
        await startDnsmasq(
          place,
          'lo',
          proxyArguments('127.0.0.0', tftp).map((part) => part.replace('proxy', 'proxy,255.0.0.0')),
        ),
      );
      for (const model of ['4b', '5']) {
        const result = await board(model);
        expect(result.code, result.output).toBe(0);
        expect(result.files.at(-1)).toMatchObject({ path: 'abcdef01/boot.img', outcome: 'ok' });
      }
    });
  });
});

describe('overlay_map.dtb made by dtc', () => {
  it('is read as the firmware reads it', async () => {
    const lab = await createLab();
    try {
      const source = `/dts-v1/; / {
        vc4-kms-v3d { bcm2835; bcm2711 = "vc4-kms-v3d-pi4"; bcm2712 = "vc4-kms-v3d-pi5"; };
        i2c0-bcm2708 { renamed = "i2c0"; };
        midi-uart5 { bcm2711; bcm2712 = "midi-uart5-pi5"; };
      };`;
      await writeFiles(lab.folder, { 'map.dts': source });
      await run('dtc', ['-I', 'dts', '-O', 'dtb', '-o', join(lab.folder, 'map.dtb'), join(lab.folder, 'map.dts')]);
      const map = readOverlayMap(await readFile(join(lab.folder, 'map.dtb')));
      expect(overlayOnChip(map, 'vc4-kms-v3d', 'bcm2711')).toBe('vc4-kms-v3d-pi4');
      expect(overlayOnChip(map, 'vc4-kms-v3d', 'bcm2837')).toBe('vc4-kms-v3d');
      expect(overlayOnChip(map, 'i2c0-bcm2708', 'bcm2712')).toBe('i2c0');
      expect(overlayOnChip(map, 'midi-uart5', 'bcm2837')).toBeUndefined();
    } finally {
      await lab.close();
    }
  });
});
