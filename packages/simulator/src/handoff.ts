/** Hands what the firmware loaded to QEMU: files in a folder, and the arguments that start them (lab page, section QEMU). */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { BootImage, LoadedFile } from './types.js';

const inflate = promisify(gunzip);

/** No kernel unpacks to more; a bomb would. */
const largestKernel = 256 * 1024 * 1024;

export type Machine = 'virt' | 'raspi3b';

/** Boot files on disk, as QEMU takes them. */
export interface HandoffFiles {
  readonly kernel: string;
  readonly initrd?: string;
  readonly dtb?: string;
  readonly cmdline: string;
}

/** A guest's network card. */
export type GuestNetwork =
  | { readonly kind: 'tap'; readonly interface: string }
  | { readonly kind: 'user'; readonly options?: string }
  | { readonly kind: 'none' };

export interface QemuOptions {
  readonly machine: Machine;
  readonly network: GuestNetwork;
  /** Appended to the served command line; by default what the machine needs for a serial console and to end on a panic. */
  readonly append?: string;
  readonly memoryMb?: number;
  readonly cpus?: number;
  /** Image of the SD card (raspi3b) or a disk (virt). */
  readonly drive?: string;
  /** Further arguments, after ours. */
  readonly extra?: readonly string[];
}

const bytesOf = async (file: LoadedFile): Promise<Buffer> => {
  if (file.bytes !== undefined) return file.bytes;
  if (file.file !== undefined) return readFile(file.file);
  throw new Error(`${file.path} was not kept: set content to "memory" or a folder to hand it over`);
};

/** 64-bit kernels may be gzip archives; the firmware knows them by their first bytes. */
export const unpackKernel = async (kernel: Buffer): Promise<Buffer> =>
  kernel.length > 2 && kernel[0] === 0x1f && kernel[1] === 0x8b
    ? inflate(kernel, { maxOutputLength: largestKernel })
    : kernel;

/** Several initramfs files make one: one after the other, each start on a multiple of four bytes (fw#1318), no padding at the end (fw#1395). */
export const joinInitramfs = (parts: readonly Buffer[]): Buffer =>
  Buffer.concat(
    parts.flatMap((part, index) => {
      const padding = index === parts.length - 1 ? 0 : (4 - (part.length % 4)) % 4;
      return [part, Buffer.alloc(padding)];
    }),
  );

/**
 * Writes kernel, initrd, dtb and cmdline into the folder.
 * @throws Error when the content policy threw the bytes away, or the disk refuses.
 */
export const writeHandoff = async (image: BootImage, folder: string): Promise<HandoffFiles> => {
  await mkdir(folder, { recursive: true });
  const put = async (name: string, bytes: Buffer | string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, bytes);
    return path;
  };
  const kernel = await put('kernel', await unpackKernel(await bytesOf(image.kernel)));
  const parts = await Promise.all(image.initramfs.map(bytesOf));
  const initrd = parts.length === 0 ? {} : { initrd: await put('initrd', joinInitramfs(parts)) };
  const dtb = image.dtb === undefined ? {} : { dtb: await put('board.dtb', await bytesOf(image.dtb)) };
  await put('cmdline', image.bootargs);
  return { kernel, ...initrd, ...dtb, cmdline: image.bootargs };
};

const netdev = (network: GuestNetwork): string[] => {
  if (network.kind === 'none') return ['-nic', 'none'];
  if (network.kind === 'user')
    return ['-netdev', ['user,id=n0', network.options].filter((part) => part !== undefined).join(',')];
  return ['-netdev', `tap,id=n0,ifname=${network.interface},script=no,downscript=no`];
};

const networkDevice = (network: GuestNetwork, device: string, mac: string): string[] =>
  network.kind === 'none' ? [] : ['-device', `${device},netdev=n0,mac=${mac}`];

const machineArguments = (image: BootImage, files: HandoffFiles, options: QemuOptions): string[] => {
  const mac = image.identity.mac;
  if (options.machine === 'virt') {
    const cpu = image.arm64 ? 'cortex-a53' : 'cortex-a15';
    const sizes = ['-smp', String(options.cpus ?? 2), '-m', String(options.memoryMb ?? 1024)];
    const drive = options.drive === undefined ? [] : ['-drive', `if=virtio,format=raw,file=${options.drive}`];
    return [
      '-M',
      'virt',
      '-cpu',
      cpu,
      ...sizes,
      '-nodefaults',
      '-serial',
      'stdio',
      ...networkDevice(options.network, 'virtio-net-device', mac),
      ...drive,
    ];
  }
  const drive = options.drive === undefined ? [] : ['-drive', `if=sd,format=raw,file=${options.drive}`];
  const dtb = files.dtb === undefined ? [] : ['-dtb', files.dtb];
  return [
    '-M',
    'raspi3b',
    '-serial',
    'stdio',
    '-serial',
    'null',
    ...dtb,
    ...networkDevice(options.network, 'usb-net', mac),
    ...drive,
  ];
};

const defaultAppend: Readonly<Record<Machine, string>> = {
  virt: 'console=ttyAMA0 panic=-1',
  raspi3b: 'console=ttyAMA0,115200 panic=-1',
};

/** Program and arguments that start these files with the board's MAC. A guest's reboot ends QEMU. */
export const qemuCommand = (
  image: BootImage,
  files: HandoffFiles,
  options: QemuOptions,
): readonly [string, ...string[]] => {
  const append = `${files.cmdline} ${options.append ?? defaultAppend[options.machine]}`.trim();
  const initrd = files.initrd === undefined ? [] : ['-initrd', files.initrd];
  return [
    image.arm64 || options.machine === 'raspi3b' ? 'qemu-system-aarch64' : 'qemu-system-arm',
    ...netdev(options.network),
    ...machineArguments(image, files, options),
    '-display',
    'none',
    '-monitor',
    'none',
    '-no-reboot',
    '-kernel',
    files.kernel,
    ...initrd,
    '-append',
    append,
    ...(options.extra ?? []),
  ];
};
