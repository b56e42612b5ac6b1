import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { chooseFromCard, openDiskFile } from '@drover/simulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  makeSelfUpdatingImage,
  pointerText,
  selfUpdatingFiles,
  writeCardFile,
  type CardFile,
} from '../../src/index.js';
import { createBoardTools, type BoardTools } from '../support/board-tools.js';
import { bootFile } from '../support/card-image.js';
import { setOf } from '../support/set-archive.js';

const MiB = 1024 * 1024;
const { signal } = new AbortController();
const set = {
  'kernel8.img': randomBytes(3_000_001),
  'kernel_2712.img': randomBytes(3_000_001),
  'bcm2710-rpi-3-b.dtb': randomBytes(30_000),
  'bcm2711-rpi-4-b.dtb': randomBytes(30_000),
  'bcm2712-rpi-5-b.dtb': randomBytes(30_000),
  'overlays/README': 'overlays',
  'drover.img': randomBytes(2_000_003),
  'config.txt': 'arm_64bit=1\ninitramfs drover.img followkernel\n',
  'cmdline.txt': 'drover.boot=1 quiet\n',
};
const firmware: CardFile[] = ['bootcode.bin', 'start.elf', 'start4.elf', 'fixup.dat', 'fixup4.dat'].map((path) => ({
  path,
  bytes: randomBytes(20_000),
}));
const publicKey = `untrusted comment: drover\n${Buffer.concat([Buffer.from('Ed'), randomBytes(40)]).toString('base64')}\n`;

let tools: BoardTools;
let file: string;
beforeAll(async () => {
  tools = createBoardTools();
  mkdirSync(tools.at('work'));
  file = tools.at('card.img');
  const files = selfUpdatingFiles({ firmware, set: setOf(set), settings: new Map(), publicKey });
  const image = await makeSelfUpdatingImage(tools.at('work'), { name: 'base:1', files }, signal);
  const settings = { server: 'http://192.0.2.1:8081', device: 'sign-1' };
  await writeCardFile({
    ...{ image, file, signal, given: { settings, wifi: undefined } },
    ...{ size: 1024 * MiB, forget: false, grow: false, onProgress: () => undefined },
  });
});
afterAll(() => tools.dispose());

describe('a card that updates itself', () => {
  it('starts set a on every board', async () => {
    const disk = openDiskFile(file);
    for (const board of ['3b', '4b', '5'] as const)
      for (const tryboot of [false, true]) {
        const choice = await chooseFromCard(disk, { board, tryboot });
        expect(choice).toMatchObject({
          boots: true,
          osPrefix: 'drover/a/',
          cmdline: 'drover.boot=1 quiet',
          warnings: [],
        });
        if (!choice.boots) continue;
        expect(choice.kernel.bytes.equals(set[board === '5' ? 'kernel_2712.img' : 'kernel8.img'])).toBe(true);
        expect(choice.initramfs.bytes.equals(set['drover.img'])).toBe(true);
      }
    disk.close();
  });

  it('is sound for programs no one here wrote, and holds the settings of its board', () => {
    execFileSync('sfdisk', ['--verify', '-q', file], { stdio: 'pipe' });
    const part = tools.at('part');
    execFileSync('dd', [`if=${file}`, `of=${part}`, 'bs=1M', 'skip=4', 'count=512', 'status=none']);
    expect(execFileSync('fsck.vfat', ['-n', '-v', part]).toString()).toContain('2 FATs, 32 bit entries');
    expect(bootFile(file, 'drover/card.conf')).toBe('server=http://192.0.2.1:8081\ndevice=sign-1\n');
    expect(bootFile(file, 'drover/card.pub')).toBe(publicKey);
  });

  it('has pointers as the board writes them, each in one cluster', () => {
    for (const name of ['a', 'b'] as const) {
      tools.run('pointer', '--make', tools.at('pointer'), name);
      expect(readFileSync(tools.at('pointer'), 'latin1')).toBe(pointerText(name));
    }
    expect(bootFile(file, 'drover/boot.txt')).toBe(pointerText('a'));
  });

  it('has room for the partition that the board makes', () => {
    const made = tools.run('card-partition', file);
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining('new=yes') as string });
  });

  it('is not made where two sets have no room', async () => {
    const files = selfUpdatingFiles({ firmware, set: setOf(set), settings: new Map(), publicKey });
    for (const bootSize of [32 * MiB, 100 * MiB + 512])
      await expect(
        makeSelfUpdatingImage(tools.at('work'), { name: 'base:1', files, bootSize }, signal),
      ).rejects.toMatchObject({ refusal: { code: 'request.invalid', remedy: 'Make it 64 MiB, or larger.' } });
  });
});
