/** A boot partition's folder with made-up bytes of real sizes' order, and a kernel that really runs under QEMU. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createRandom } from '../../src/random.js';

/** Repeatable bytes. */
export const bytesOf = (seed: number, length: number): Buffer => {
  const random = createRandom(seed);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(random.uint32(), at);
  return bytes;
};

/**
 * An arm64 Image of 128 bytes (kernel documentation, arm64/booting): writes "drover test kernel" to the first serial port of QEMU's virt machine, then
 * asks PSCI for a reset. Assembled once; as source: movz x1,#0x900,lsl #16; adr x2,text; loop: ldrb w3,[x2],#1; cbz w3,done; strb w3,[x1]; b loop;
 * done: movz w0,#9; movk w0,#0x8400,lsl #16; hvc #0.
 */
export const testKernel = Buffer.from(
  '1000001400000000000008000000000000000100000000000000000000000000000000000000000000000000000000000000' +
    '00000000000041524d64000000000120a1d222010010431440386300003423000039fdffff17200180520080b072020000d4' +
    '0000001464726f7665722074657374206b65726e656c0a00',
  'hex',
);

/** The same, but where the last instruction is it stays: `b .`. */
export const endlessKernel = Buffer.from(testKernel.toString('hex').replace('020000d4', '00000014'), 'hex');

export const bootFiles: Readonly<Record<string, Buffer | string>> = {
  'start.elf': bytesOf(1, 60_000),
  'fixup.dat': bytesOf(2, 6_744),
  'start4.elf': bytesOf(3, 60_000),
  'fixup4.dat': bytesOf(4, 5_120),
  'bcm2710-rpi-2-b.dtb': bytesOf(5, 25_000),
  'bcm2710-rpi-3-b.dtb': bytesOf(6, 25_000),
  'bcm2710-rpi-3-b-plus.dtb': bytesOf(7, 25_000),
  'bcm2711-rpi-4-b.dtb': bytesOf(8, 50_000),
  'bcm2711-rpi-400.dtb': bytesOf(9, 50_000),
  'bcm2711-rpi-cm4.dtb': bytesOf(10, 50_000),
  'bcm2712-rpi-5-b.dtb': bytesOf(11, 70_000),
  'bcm2712-rpi-500.dtb': bytesOf(12, 70_000),
  'bcm2712-rpi-cm5-cm5io.dtb': bytesOf(13, 70_000),
  'kernel7.img': bytesOf(14, 200_000),
  'kernel8.img': bytesOf(15, 200_000),
  'kernel_2712.img': bytesOf(16, 200_000),
  initramfs7: bytesOf(17, 100_004),
  initramfs8: bytesOf(18, 100_004),
  initramfs_2712: bytesOf(19, 100_004),
  'overlays/disable-bt.dtbo': bytesOf(20, 1_072),
  'config.txt': 'auto_initramfs=1\ndtoverlay=disable-bt\n',
  'cmdline.txt': 'console=serial0,115200 console=tty1 root=/dev/ram0\n',
};

/** Writes files below a folder. */
export const writeFiles = async (folder: string, files: Readonly<Record<string, Buffer | string>>): Promise<void> => {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
};
