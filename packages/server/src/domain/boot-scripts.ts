import type { FirmwareKind } from '@drover/contract';
import type { BootTree, PlannedDevice } from './boot-plan.js';
import type { Overlay } from './boot-render.js';
import { treeFile } from './boot-tree.js';

/**
 * Boot files of machines that are no Pi: EDK2, iPXE and U-Boot are told one file by DHCP and know nothing of config.txt, so what config.txt and
 * cmdline.txt say to a Pi is said to them by a script of their own kind.
 */

/** Folder a machine asks below: its MAC with dashes. */
export const macFolder = (mac: string): string => mac.replaceAll(':', '-');

interface Boot {
  readonly kernel: string | undefined;
  readonly initramfs: string | undefined;
  readonly cmdline: string;
  readonly serverUrl: string;
}

const isPiFirmware = (firmware: FirmwareKind): boolean => firmware === 'rom' || firmware === 'bc' || firmware === 'ee';

const ipxeScript = (folder: string, { kernel, initramfs, cmdline, serverUrl }: Boot): string => {
  const base = `${serverUrl}/netboot/${folder}`;
  // Kernels started as EFI programs find an iPXE initrd by the name in initrd=.
  const initrd = initramfs === undefined ? '' : `initrd --name ${initramfs} ${base}/${initramfs}\n`;
  const word = initramfs === undefined ? '' : ` initrd=${initramfs}`;
  return `#!ipxe\nkernel ${base}/${kernel} ${cmdline}${word}\n${initrd}boot\n`;
};

/** The configuration U-Boot's `pxe` command and PXELINUX read; names are relative to the folder of the boot file. */
const pxelinuxConfig = ({ kernel, initramfs, cmdline }: Boot): string =>
  [
    'default drover',
    'label drover',
    `  kernel ${kernel}`,
    ...(initramfs === undefined ? [] : [`  initrd ${initramfs}`]),
    `  append ${cmdline}`,
    '',
  ].join('\n');

export const ipxeScriptName = 'boot.ipxe';

/** Scripts to render for a device, by path. None for a Pi, and none where there is no kernel. */
export function scriptsFor(device: PlannedDevice, boot: Boot): [path: string, text: string][] {
  if (boot.kernel === undefined || device.mac === null || isPiFirmware(device.firmware)) return [];
  const folder = macFolder(device.mac);
  return [
    [ipxeScriptName, ipxeScript(folder, boot)],
    [`pxelinux.cfg/01-${folder}`, pxelinuxConfig(boot)],
  ];
}

/** Option 93 (RFC 4578 section 2.1 and IANA "Processor Architecture Types") to the removable-media name of UEFI 2.10, section 3.5.1.1. */
const efiNames: Readonly<Record<number, string>> = {
  6: 'bootia32.efi',
  7: 'bootx64.efi',
  9: 'bootx64.efi',
  10: 'bootarm.efi',
  11: 'bootaa64.efi',
  16: 'bootx64.efi',
  18: 'bootarm.efi',
  19: 'bootaa64.efi',
  27: 'bootriscv64.efi',
};

/**
 * The file DHCP names to a machine that is no Pi, below its folder: iPXE its script, UEFI the image's own boot program, U-Boot the image's own script,
 * else the kernel. Undefined: the image has nothing for this machine.
 */
export function networkBootFile(
  tree: BootTree,
  overlay: Overlay,
  machine: { readonly firmware: FirmwareKind; readonly architecture?: number },
): string | undefined {
  const inTree = (path: string): string | undefined => treeFile(tree, path.toLowerCase())?.path;
  switch (machine.firmware) {
    case 'ipxe':
      return overlay.files.has(ipxeScriptName) ? ipxeScriptName : undefined;
    case 'uboot':
      return inTree('boot.scr.uimg') ?? overlay.kernel;
    default:
      return inTree(`efi/boot/${efiNames[machine.architecture ?? 11] ?? 'bootaa64.efi'}`) ?? overlay.kernel;
  }
}
