import { describe, expect, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { expectRefusal, patched } from '../../test/support/expect.js';
import { memorySource } from '../source.js';
import { readPartitionTable } from '../partition/table.js';
import { findBootKernels } from './boot.js';
import { inspectImage, openBoot } from './image.js';
import { piModels, type ImageFacts } from './types.js';

const inspect = (image: Uint8Array): Promise<ImageFacts> => inspectImage(memorySource(image));
const card = corpusImage('card');
const ext4At = 400 * 512;

describe('inspectImage', () => {
  it('finds the boot partition and tells what is on it', async () => {
    const { boot, partitionTable } = await inspect(card);
    expect(partitionTable.partitions).toHaveLength(2);
    expect(boot).toMatchObject({
      partition: 1,
      fat: 'fat12',
      label: 'BOOTFS',
      files: 15,
      initramfs: ['initramfs8'],
      deviceTrees: ['bcm2710-rpi-3-b.dtb', 'bcm2711-rpi-4-b.dtb', 'bcm2712-rpi-5-b.dtb'],
      firmware: ['bootcode.bin', 'start.elf', 'fixup.dat', 'start4.elf', 'fixup4.dat'],
    });
    expect(boot.configTxt).toContain('arm_64bit=1');
    expect(boot.cmdlineTxt).toContain('root=PARTUUID=1234abcd-02');
    expect(
      boot.kernels.map(({ file, architecture, release, pageSize, gzip, modulesPresent }) => ({
        file,
        architecture,
        release,
        pageSize,
        gzip,
        modulesPresent,
      })),
    ).toEqual([
      {
        file: 'kernel8.img',
        architecture: 'arm64',
        release: '6.6.31+rpt-rpi-v8',
        pageSize: 4096,
        gzip: true,
        modulesPresent: true,
      },
      {
        file: 'kernel_2712.img',
        architecture: 'arm64',
        release: '6.6.31+rpt-rpi-2712',
        pageSize: 16384,
        gzip: false,
        modulesPresent: false,
      },
      {
        file: 'kernel7.img',
        architecture: 'arm',
        release: '6.6.31+rpt-rpi-v7',
        pageSize: undefined,
        gzip: false,
        modulesPresent: false,
      },
    ]);
  });

  it('finds the root and tells who it is', async () => {
    const { root } = await inspect(card);
    expect(root).toMatchObject({
      partition: 2,
      label: 'rootfs',
      uuid: '6b1d4a4e-0d0c-4a5e-9a57-0123456789ab',
      size: 256 * 1024,
      needsRecovery: false,
      architecture: 'arm64',
      init: 'systemd',
      moduleReleases: ['6.6.31+rpt-rpi-v8'],
      osRelease: {
        id: 'debian',
        idLike: 'a b',
        versionId: '12',
        codename: 'bookworm',
        prettyName: 'Debian GNU/Linux 12 (bookworm)',
      },
    });
  });

  it('judges every model, with a reason for those it leaves out', async () => {
    const { models } = await inspect(card);
    expect(models.map(({ model }) => model)).toEqual([...piModels]);
    expect(models.filter(({ boots }) => boots)).toEqual([
      { model: 'pi3', boots: true, kernel: 'kernel8.img', deviceTree: 'bcm2710-rpi-3-b.dtb' },
      { model: 'pi4', boots: true, kernel: 'kernel8.img', deviceTree: 'bcm2711-rpi-4-b.dtb' },
      { model: 'pi5', boots: true, kernel: 'kernel_2712.img', deviceTree: 'bcm2712-rpi-5-b.dtb' },
    ]);
    const reasons = new Map(models.map(({ model, reason }) => [model, reason]));
    expect(reasons.get('pi1')).toBe('kernel.img is not on the boot partition');
    expect(reasons.get('cm4')).toBe('its device tree is not on the boot partition');
  });

  it('says that there is no root when there is none', async () => {
    const { root, models, boot } = await inspect(patched(card, [446 + 16 + 12, 4, 0]));
    expect(root).toBeNull();
    expect(boot.kernels.every(({ modulesPresent }) => !modulesPresent)).toBe(true);
    expect(models.filter(({ boots }) => boots)).toHaveLength(3);
    expect((await inspect(patched(card, [ext4At + 1024 + 0x38, 2, 0]))).root).toBeNull();
  });

  it('says when the root needs recovery', async () => {
    const at = ext4At + 1024 + 0x60;
    const bits = new DataView(card.buffer).getUint32(at, true);
    expect((await inspect(patched(card, [at, 4, bits | 4]))).root?.needsRecovery).toBe(true);
  });

  it('refuses a card without a boot partition, and one whose root is damaged', async () => {
    await expectRefusal(() => inspect(patched(card, [446 + 12, 4, 0])), 'image.no-boot-partition');
    await expectRefusal(() => inspect(patched(card, [ext4At + 1024 + 0x28, 4, 0])), 'image.ext4.corrupt');
    await expectRefusal(() => inspect(card.subarray(0, 300_000)), 'image.partition.past-end');
  });
});

describe('the boot partition alone', () => {
  const boot = async (image: Uint8Array) => {
    const source = memorySource(image);
    return openBoot(source, await readPartitionTable(source));
  };

  it('is found also where the root cannot be read', async () => {
    const broken = Uint8Array.from(card);
    broken.fill(0xff, ext4At + 1024, ext4At + 2048);
    const found = await boot(broken);
    expect(found).toMatchObject({ partition: 1, isBoot: true });
    expect(found.volume.dirty).toBe(false);
  });

  it('says when it was not unmounted in order', async () => {
    const { partitionTable } = await inspect(card);
    const at = partitionTable.partitions[0]?.offset ?? 0;
    const found = await boot(patched(card, [at + 0x25, 1, 1]));
    expect(found.volume.dirty).toBe(true);
  });

  it('has its kernels told without reading those that are known', async () => {
    const { volume } = await boot(card);
    const asked: string[] = [];
    const kernels = await findBootKernels(
      volume,
      ({ path }) => {
        asked.push(path);
        return path === 'kernel8.img' ? { file: path, architecture: 'arm64', release: 'as known' } : undefined;
      },
      async () => [],
    );
    const { boot: facts } = await inspect(card);
    expect(asked).toEqual(facts.kernels.map(({ file }) => file));
    expect(kernels.map(({ release }) => release)).toEqual(
      facts.kernels.map(({ file, release }) => (file === 'kernel8.img' ? 'as known' : release)),
    );
  });
});
