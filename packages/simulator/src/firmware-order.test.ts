import { describe, expect, it } from 'vitest';
import { belowPrefix, memoryStage, type MemoryStage, type MemoryStageOptions } from '../test/support/memory-stage.js';
import { FirmwareHalt } from './firmware-files.js';
import { prefixOf, runEeprom2711, runEeprom2712, type EepromOutcome } from './firmware-eeprom.js';
import type { OperatingSystem } from './firmware-context.js';
import { runBootcode, runRom } from './firmware-legacy.js';

const legacyFiles = {
  'start.elf': 'VC',
  'fixup.dat': 'F',
  'config.txt': 'dtoverlay=vc4-kms-v3d\n',
  'bcm2710-rpi-3-b-plus.dtb': 'DTB',
  'cmdline.txt': 'console=serial0,115200 root=/dev/ram0\nsecond line',
  'kernel7.img': 'K7',
  'kernel8.img': 'K8',
};

const eepromFiles = {
  'start4.elf': 'VC4',
  'fixup4.dat': 'F4',
  'config.txt': 'auto_initramfs=1\ndtoverlay=disable-bt\n',
  'bcm2711-rpi-4-b.dtb': 'DTB',
  'cmdline.txt': 'quiet',
  'kernel8.img': 'K8',
  initramfs8: 'I8',
  'overlays/disable-bt.dtbo': 'O',
};

const fiveFiles = {
  'config.txt': 'auto_initramfs=1\n',
  'cmdline.txt': 'quiet',
  'bcm2712-rpi-5-b.dtb': 'DTB5',
  'kernel_2712.img': 'K5',
  'kernel8.img': 'K8',
  initramfs_2712: 'I5',
  initramfs8: 'I8',
};

const onEeprom = async (options: MemoryStageOptions): Promise<MemoryStage & { outcome: EepromOutcome }> => {
  const made = memoryStage(options);
  made.stage.files.usePrefix(prefixOf(made.stage));
  const run = made.stage.context.identity.model.chip === 'bcm2711' ? runEeprom2711 : runEeprom2712;
  return { ...made, outcome: await run(made.stage) };
};

const systemOf = (outcome: EepromOutcome): OperatingSystem => {
  if (outcome.kind !== 'system') throw new Error(`no system but ${outcome.kind}`);
  return outcome.system;
};

const haltOf = async (running: Promise<unknown>): Promise<FirmwareHalt> => {
  const error: unknown = await running.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof FirmwareHalt) return error;
  throw new Error('the firmware did not halt');
};

/** The wire reference's list, without the prefix. */
const sequence = (asked: readonly string[]): string => asked.map((line) => line.replace('abcdef01/', '')).join('\n');

describe('ROM and bootcode.bin', () => {
  it('ask for files in the observed order', async () => {
    const { stage, asked } = memoryStage({ model: '3b+', files: { 'bootcode.bin': 'B', ...belowPrefix(legacyFiles) } });
    await runRom(stage);
    const system = await runBootcode(stage);
    expect(sequence(asked)).toBe(
      `read bootcode.bin
read bootsig.bin -
probe start.elf
probe start.elf
probe autoboot.txt -
read config.txt
probe recovery.elf -
read start.elf
read fixup.dat
probe recovery.elf -
probe config.txt
read config.txt
probe dt-blob.bin -
probe recovery.elf -
probe config.txt
read config.txt
probe bootcfg.txt -
probe bcm2710-rpi-3-b-plus.dtb
read bcm2710-rpi-3-b-plus.dtb
probe overlays/overlay_map.dtb -
probe overlays/overlay_map.dtb -
probe overlays/vc4-kms-v3d.dtbo -
probe config.txt
read config.txt
probe cmdline.txt
read cmdline.txt
probe recovery8.img -
probe recovery7.img -
probe recovery.img -
probe kernel8-32.img -
probe kernel7.img
probe armstub8-32.bin -
probe kernel7.img
read kernel7.img`,
    );
    expect(system).toMatchObject({
      arm64: false,
      cmdline: 'console=serial0,115200 root=/dev/ram0',
      prefix: 'abcdef01/',
    });
    expect(system.kernel.bytes?.toString()).toBe('K7');
  });

  it('drop the prefix when start.elf is not below it', async () => {
    const { stage, asked, events } = memoryStage({ model: '3b', files: { 'bootcode.bin': 'B', ...legacyFiles } });
    const system = await runBootcode(stage);
    expect(events).toContainEqual({ type: 'prefix-dropped', prefix: 'abcdef01/' });
    expect(asked.filter((line) => line.includes('abcdef01/'))).toEqual(['probe abcdef01/start.elf -']);
    expect(system.prefix).toBe('');
  });

  it('stop without bootcode.bin, start.elf or kernel', async () => {
    expect((await haltOf(runRom(memoryStage({ model: '3b', files: {} }).stage))).failure).toMatchObject({
      step: 'bootcode',
    });
    expect((await haltOf(runBootcode(memoryStage({ model: '3b', files: {} }).stage))).failure).toMatchObject({
      step: 'bootloader',
      shows: expect.stringContaining('4 times') as string,
    });
    const { 'kernel7.img': _seven, 'kernel8.img': _eight, ...noKernel } = legacyFiles;
    expect((await haltOf(runBootcode(memoryStage({ model: '3b', files: noKernel }).stage))).failure).toMatchObject({
      step: 'kernel',
      shows: expect.stringContaining('7 times') as string,
    });
  });

  it('start kernel8.img when config.txt says arm_64bit=1', async () => {
    const files = { ...legacyFiles, 'config.txt': 'arm_64bit=1\n' };
    const system = await runBootcode(memoryStage({ model: '3b', files }).stage);
    expect(system.arm64).toBe(true);
    expect(system.kernel.path).toBe('kernel8.img');
  });
});

describe('Pi 4', () => {
  it('asks for files in the observed order', async () => {
    const { asked, outcome } = await onEeprom({ model: '4b', files: belowPrefix(eepromFiles) });
    expect(sequence(asked)).toBe(
      `probe start4.elf
read config.txt
read vl805.sig -
read pieeprom.sig -
probe recover4.elf -
probe recovery.elf -
probe start4.elf
read start4.elf
read fixup4.dat
probe recovery.elf -
probe config.txt
read config.txt
probe dt-blob.bin -
probe recovery.elf -
probe config.txt
read config.txt
probe bootcfg.txt -
probe kernel8.img
probe initramfs8
read initramfs8
probe bcm2711-rpi-4-b.dtb
read bcm2711-rpi-4-b.dtb
probe overlays/overlay_map.dtb -
probe overlays/overlay_map.dtb -
probe overlays/disable-bt.dtbo
read overlays/disable-bt.dtbo
probe config.txt
read config.txt
probe cmdline.txt
read cmdline.txt
probe recovery8.img -
probe armstub8-gic.bin -
probe kernel8.img
read kernel8.img`,
    );
    expect(systemOf(outcome).initramfs.map(({ path }) => path)).toEqual(['abcdef01/initramfs8']);
  });

  it('asks for start.elf only when start4.elf is missing, and then drops the prefix', async () => {
    const { asked } = await onEeprom({ model: '4b', files: eepromFiles });
    expect(asked.slice(0, 3)).toEqual(['probe abcdef01/start4.elf -', 'probe abcdef01/start.elf -', 'read config.txt']);
  });

  it('keeps the prefix for a start.elf it cannot use, and stops', async () => {
    const { stage } = memoryStage({ model: '4b', files: { 'abcdef01/start.elf': 'VC' } });
    stage.files.usePrefix('abcdef01/');
    expect((await haltOf(runEeprom2711(stage))).failure).toMatchObject({ step: 'bootloader', reason: 'not-found' });
    expect(stage.files.prefix).toBe('abcdef01/');
  });

  it('gives up network boot on an empty start4.elf', async () => {
    const running = onEeprom({ model: '4b', files: belowPrefix({ ...eepromFiles, 'start4.elf': '' }) });
    expect((await haltOf(running)).failure).toMatchObject({ step: 'bootloader', reason: 'empty', then: 'retry' });
  });

  it.each([
    ['start_x=1', 'start4x.elf', 'fixup4x.dat'],
    ['start_debug=1', 'start4db.elf', 'fixup4db.dat'],
    ['gpu_mem=16', 'start4cd.elf', 'fixup4cd.dat'],
    ['start_file=my.elf\nfixup_file=my.dat', 'my.elf', 'my.dat'],
  ])('%s loads %s and %s', async (setting, start, fixup) => {
    const files = belowPrefix({ ...eepromFiles, 'config.txt': `${setting}\n`, [start]: 'S', [fixup]: 'F' });
    const { asked } = await onEeprom({ model: '4b', files });
    expect(asked).toContain(`read abcdef01/${start}`);
    expect(asked).toContain(`read abcdef01/${fixup}`);
  });

  it('reads tryboot.txt after `reboot "0 tryboot"`', async () => {
    const files = belowPrefix({ ...eepromFiles, 'tryboot.txt': 'kernel=next.img\n', 'next.img': 'N' });
    const { outcome } = await onEeprom({ model: '4b', files, tryboot: true });
    expect(systemOf(outcome).kernel.path).toBe('abcdef01/next.img');
  });

  it('goes without an initramfs of which a part is missing', async () => {
    const files = belowPrefix({ ...eepromFiles, 'config.txt': 'initramfs initramfs8,more.gz followkernel\n' });
    const { outcome, events } = await onEeprom({ model: '4b', files });
    expect(systemOf(outcome).initramfs).toEqual([]);
    expect(events).toContainEqual({ type: 'warning', message: 'failed to load more.gz: initramfs disabled' });
  });

  it('fetches what config.txt includes', async () => {
    const files = belowPrefix({
      ...eepromFiles,
      'config.txt': 'include a.txt\n',
      'a.txt': 'include b.txt\n',
      'b.txt': 'cmdline=c.txt\n',
      'c.txt': 'C',
    });
    expect(systemOf((await onEeprom({ model: '4b', files })).outcome).cmdline).toBe('C');
  });
});

describe('os_prefix', () => {
  const next = { 'next/kernel8.img': 'NK', 'next/bcm2711-rpi-4-b.dtb': 'ND', 'next/cmdline.txt': 'next' };
  const config = 'os_prefix=next/\ndtoverlay=disable-bt\n';

  it('applies to kernel, device tree and command line; overlays stay shared without a README', async () => {
    const { outcome } = await onEeprom({
      model: '4b',
      files: belowPrefix({ ...eepromFiles, ...next, 'config.txt': config }),
    });
    const system = systemOf(outcome);
    expect(system.kernel.path).toBe('abcdef01/next/kernel8.img');
    expect(system.dtb?.path).toBe('abcdef01/next/bcm2711-rpi-4-b.dtb');
    expect(system.cmdline).toBe('next');
    expect(system.overlays[0]?.path).toBe('abcdef01/overlays/disable-bt.dtbo');
  });

  it('applies to overlays with a README', async () => {
    const more = { 'next/overlays/README': 'R', 'next/overlays/disable-bt.dtbo': 'NO' };
    const { outcome } = await onEeprom({
      model: '4b',
      files: belowPrefix({ ...eepromFiles, ...next, ...more, 'config.txt': config }),
    });
    expect(systemOf(outcome).overlays[0]?.path).toBe('abcdef01/next/overlays/disable-bt.dtbo');
  });

  it('is ignored when kernel or device tree are not there', async () => {
    const { 'next/bcm2711-rpi-4-b.dtb': _missing, ...part } = next;
    const { outcome } = await onEeprom({
      model: '4b',
      files: belowPrefix({ ...eepromFiles, ...part, 'config.txt': config }),
    });
    expect(systemOf(outcome).kernel.path).toBe('abcdef01/kernel8.img');
  });

  it('is bypassed by a leading slash', async () => {
    const files = belowPrefix({
      ...eepromFiles,
      ...next,
      'config.txt': `${config}kernel=/kernel8.img\n`,
      'next/kernel8.img': 'NK',
    });
    expect(systemOf((await onEeprom({ model: '4b', files })).outcome).kernel.path).toBe('abcdef01/kernel8.img');
  });
});

describe('Pi 5', () => {
  it('asks for files in the observed order', async () => {
    const { asked, outcome } = await onEeprom({ model: '5', files: belowPrefix(fiveFiles) });
    expect(sequence(asked)).toBe(
      `read config.txt
read pieeprom.sig -
probe cmdline.txt
read cmdline.txt
probe bcm2712-rpi-5-b.dtb
read bcm2712-rpi-5-b.dtb
probe kernel_2712.img
probe kernel_2712.img
read kernel_2712.img
probe initramfs_2712
read initramfs_2712
probe overlays/overlay_map.dtb -
probe overlays/overlay_map.dtb -
probe armstub8-2712.bin -`,
    );
    expect(systemOf(outcome)).toMatchObject({ arm64: true, cmdline: 'quiet' });
  });

  it('falls back to kernel8.img with its initramfs', async () => {
    const { 'kernel_2712.img': _own, ...files } = fiveFiles;
    const system = systemOf((await onEeprom({ model: '5', files: belowPrefix(files) })).outcome);
    expect(system.kernel.path).toBe('abcdef01/kernel8.img');
    expect(system.initramfs[0]?.path).toBe('abcdef01/initramfs8');
  });

  it('later silicon asks for its own device tree first', async () => {
    const { asked } = await onEeprom({ model: '5', files: belowPrefix(fiveFiles), quirks: { d0: true } });
    expect(asked.filter((line) => line.includes('.dtb') && line.startsWith('probe abcdef01/bcm'))).toEqual([
      'probe abcdef01/bcm2712d0-rpi-5-b.dtb -',
      'probe abcdef01/bcm2712-rpi-5-b.dtb',
    ]);
  });

  it('refuses an OS without a device tree, unless os_check=0', async () => {
    const { 'bcm2712-rpi-5-b.dtb': _tree, ...files } = fiveFiles;
    expect((await haltOf(onEeprom({ model: '5', files: belowPrefix(files) }))).failure).toMatchObject({
      reason: 'os-check',
    });
    const unchecked = belowPrefix({ ...files, 'config.txt': 'os_check=0\n' });
    expect(systemOf((await onEeprom({ model: '5', files: unchecked })).outcome).dtb).toBeUndefined();
  });

  it('drops the prefix without config.txt below it, and stops when there is none at all', async () => {
    const { asked } = await onEeprom({ model: '5', files: fiveFiles });
    expect(asked.slice(0, 2)).toEqual(['read abcdef01/config.txt -', 'read config.txt']);
    expect((await haltOf(onEeprom({ model: '5', files: {} }))).failure).toMatchObject({
      step: 'config',
      reason: 'not-found',
    });
  });
});

describe('EEPROM settings', () => {
  it.each([
    [{ TFTP_PREFIX: 1, TFTP_PREFIX_STR: 'lab/' } as const, 'lab/start4.elf'],
    [{ TFTP_PREFIX: 2 } as const, 'dc-a6-32-cd-ef-01/start4.elf'],
    [{ TFTP_PREFIX: 1, TFTP_PREFIX_STR: 'lab' } as const, 'labstart4.elf'],
  ])('%j asks for %s', async (eeprom, path) => {
    const running = onEeprom({ model: '4b', files: {}, eeprom });
    await haltOf(running);
    const { stage, asked } = memoryStage({ model: '4b', files: {}, eeprom });
    stage.files.usePrefix(prefixOf(stage));
    await stage.files.probe('start4.elf');
    expect(asked).toEqual([`probe ${path} -`]);
  });

  const sha = '86be9a55762d316a3026c2836d044f5fc76e34da10e1b45feee5f18be7edb177';
  const update = belowPrefix({ ...eepromFiles, 'pieeprom.sig': `${sha}\nts: 1700000000\n`, 'pieeprom.upd': 'Update' });

  it('flashes a newer pieeprom.upd that matches its signature', async () => {
    const content = Buffer.from('Update');
    const { createHash } = await import('node:crypto');
    const sha256 = createHash('sha256').update(content).digest('hex');
    const files = { ...update, 'abcdef01/pieeprom.sig': `${sha256}\nts: 1700000000\n` };
    expect((await onEeprom({ model: '4b', files })).outcome).toEqual({
      kind: 'update',
      timestamp: 1_700_000_000,
      sha256,
    });
    for (const eeprom of [{ updateTimestamp: 1_700_000_000 }, { ENABLE_SELF_UPDATE: 0 as const }]) {
      expect((await onEeprom({ model: '4b', files, eeprom })).outcome.kind).toBe('system');
    }
    const forbidden = { ...files, 'abcdef01/config.txt': 'bootloader_update=0\n' };
    expect((await onEeprom({ model: '4b', files: forbidden })).outcome.kind).toBe('system');
  });

  it('leaves alone what does not match', async () => {
    const { outcome, events } = await onEeprom({ model: '4b', files: update });
    expect(outcome.kind).toBe('system');
    expect(events).toContainEqual({
      type: 'warning',
      message: 'pieeprom.upd does not match pieeprom.sig: not flashed',
    });
  });
});
