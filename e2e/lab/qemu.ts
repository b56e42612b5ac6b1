import { cp } from 'node:fs/promises';
import path from 'node:path';
import type { Lab } from './lab.js';
import type { LabProcess } from './process.js';

/** An emulated board with its network card on the lab's bridge. Its console is the serial line; `send` types on it. */
export interface Guest extends LabProcess {
  readonly mac: string;
  /** The tap its card is plugged into, in the router's namespace: what tcpdump listens on. */
  readonly tap: string;
}

export interface GuestOptions {
  readonly lab: Lab;
  /** `52:54:00:...` by default, another for each guest. */
  readonly mac?: string;
  /** Cores; 1 by default: the machine that emulates has few. */
  readonly smp?: number;
  /** 512 by default. */
  readonly memoryMiB?: number;
  /** A card for an emulated restart to be plugged into again; a new one by default. */
  readonly tap?: string;
  /** More arguments for QEMU. */
  readonly qemuArgs?: readonly string[];
}

export interface KernelOptions extends GuestOptions {
  readonly kernel: string;
  readonly initrd?: string;
  /** The kernel's command line, whole. */
  readonly append: string;
}

let guestsMade = 0;

function nextMac(): string {
  const serial = (process.pid * 256 + guestsMade++) & 0xffffff;
  return `52:54:00:${serial
    .toString(16)
    .padStart(6, '0')
    .replace(/(..)(?=.)/g, '$1:')}`;
}

async function startGuest(
  options: GuestOptions,
  argv: (card: { mac: string; tap: string }) => readonly string[],
): Promise<Guest> {
  const mac = options.mac ?? nextMac();
  const tap = options.tap ?? (await options.lab.tap());
  const process = await options.lab.spawn(['qemu-system-aarch64', ...argv({ mac, tap }), ...(options.qemuArgs ?? [])], {
    at: 'router',
    name: `guest ${mac}`,
  });
  return { ...process, mac, tap };
}

const netdev = (tap: string): string[] => ['-netdev', `tap,id=n0,ifname=${tap},script=no,downscript=no`];

const kernelArgs = (options: KernelOptions): string[] => [
  ...['-kernel', options.kernel, '-append', options.append],
  ...(options.initrd === undefined ? [] : ['-initrd', options.initrd]),
];

const virtMachine = (options: GuestOptions): string[] => [
  ...['-M', 'virt', '-cpu', 'cortex-a53', '-smp', String(options.smp ?? 1), '-m', String(options.memoryMiB ?? 512)],
  ...['-nographic', '-nodefaults', '-no-reboot', '-serial', 'stdio', '-monitor', 'none'],
];

/**
 * QEMU's `virt` board, for whole boots: quick, with a virtio network card. A reboot of the guest ends the process.
 * Its console is `ttyAMA0`.
 */
export function qemuVirt(options: KernelOptions): Promise<Guest> {
  return startGuest(options, ({ mac, tap }) => [
    ...virtMachine(options),
    ...kernelArgs(options),
    ...netdev(tap),
    ...['-device', `virtio-net-device,netdev=n0,mac=${mac}`],
  ]);
}

export interface Raspi3bOptions extends Omit<KernelOptions, 'memoryMiB' | 'smp'> {
  readonly dtb: string;
  /** An SD card: a raw image whose size is a power of two. The guest writes to it. */
  readonly sdCard?: string;
}

/**
 * QEMU's Raspberry Pi 3B, for what is about the SD card or the Pi's own chips: its network card is on USB and moves
 * some 130 KB/s. It has 1 GiB and four cores, and ends only by `reboot -f` with module `bcm2835_wdt`.
 */
export function qemuRaspi3b(options: Raspi3bOptions): Promise<Guest> {
  return startGuest(options, ({ mac, tap }) => [
    ...['-M', 'raspi3b', '-nographic', '-no-reboot', '-monitor', 'none', '-serial', 'stdio', '-serial', 'null'],
    ...kernelArgs(options),
    ...['-dtb', options.dtb],
    ...netdev(tap),
    ...['-device', `usb-net,netdev=n0,mac=${mac}`],
    ...(options.sdCard === undefined ? [] : ['-drive', `if=sd,format=raw,file=${options.sdCard}`]),
  ]);
}

/** A PCI card without QEMU's own boot ROM: what loads files is the firmware under test. */
const pciCard = (tap: string, mac: string): string[] => [
  ...netdev(tap),
  ...['-device', `virtio-net-pci,netdev=n0,mac=${mac},romfile=,bootindex=0`],
];

/**
 * A `virt` board that starts EDK2, the UEFI firmware, and boots from the network by PXE: DHCP, the proxy's port 4011,
 * TFTP. Debian's build from qemu-efi-aarch64.
 */
export async function edk2(options: GuestOptions): Promise<Guest> {
  const mac = options.mac ?? nextMac();
  const variables = path.join(options.lab.dir, `edk2-variables-${mac.replaceAll(':', '')}.fd`);
  await cp('/usr/share/AAVMF/AAVMF_VARS.fd', variables);
  return startGuest({ ...options, mac }, ({ tap }) => [
    ...virtMachine(options),
    ...['-drive', 'if=pflash,unit=0,format=raw,readonly=on,file=/usr/share/AAVMF/AAVMF_CODE.fd'],
    ...['-drive', `if=pflash,unit=1,format=raw,file=${variables}`],
    ...pciCard(tap, mac),
  ]);
}

export interface UbootGuest extends Guest {
  /** Types a command at U-Boot's prompt and returns what it printed, without echo and prompt. 60 s by default. */
  command(line: string, timeoutMs?: number): Promise<string>;
}

const ubootPrompt = '=> ';

/** A `virt` board that starts U-Boot (u-boot-qemu), stopped at its prompt. */
export async function uboot(options: GuestOptions): Promise<UbootGuest> {
  const guest = await startGuest(options, ({ mac, tap }) => [
    ...virtMachine(options),
    ...['-bios', '/usr/lib/u-boot/qemu_arm64/u-boot.bin'],
    ...pciCard(tap, mac),
  ]);
  await guest.console.expect('Hit any key to stop autoboot', 60_000);
  guest.send('\n');
  await guest.console.expect(ubootPrompt, 30_000);
  return {
    ...guest,
    async command(line, timeoutMs = 60_000) {
      const before = guest.console.text().length;
      guest.send(`${line}\n`);
      await guest.console.expect(/\n=> $|\n=> /, timeoutMs);
      const said = guest.console.text().slice(before);
      return said.slice(said.indexOf('\n') + 1, said.lastIndexOf(ubootPrompt)).replaceAll('\r', '');
    },
  };
}
