import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DebianArm, DebianPackage } from './debianArm.js';
import type { KernelFiles } from './kernel.js';
import { run } from './run.js';

/**
 * Names under which a Pi's firmware asks for its device tree, by the name of the mainline tree that stands in: the
 * vendor's kernel calls the chip of Pi 3 and Zero 2 bcm2710, mainline bcm2837.
 */
const deviceTreeNames: Readonly<Record<string, readonly string[]>> = {
  'bcm2837-rpi-3-b.dtb': ['bcm2710-rpi-3-b.dtb'],
  'bcm2837-rpi-3-b-plus.dtb': ['bcm2710-rpi-3-b-plus.dtb'],
  'bcm2837-rpi-cm3-io3.dtb': ['bcm2710-rpi-cm3.dtb'],
  'bcm2837-rpi-zero-2-w.dtb': ['bcm2710-rpi-zero-2-w.dtb', 'bcm2710-rpi-zero-2.dtb'],
  'bcm2711-rpi-4-b.dtb': ['bcm2711-rpi-4-b.dtb'],
  'bcm2711-rpi-400.dtb': ['bcm2711-rpi-400.dtb'],
  'bcm2711-rpi-cm4-io.dtb': ['bcm2711-rpi-cm4.dtb'],
};

/** Adds the device trees of Pi 3, 4 and Zero 2 from a Debian arm64 kernel. */
export async function addDeviceTrees(kernel: KernelFiles, bootDir: string): Promise<void> {
  for (const [source, names] of Object.entries(deviceTreeNames)) {
    for (const name of names) await cp(path.join(kernel.deviceTrees, source), path.join(bootDir, name));
  }
}

/** What a Pi runs before any kernel (bootcode.bin, start*.elf, fixup*.dat), from Debian's raspi-firmware. */
export async function addFirmware(
  debian: DebianArm,
  firmware: DebianPackage,
  scratchDir: string,
  bootDir: string,
): Promise<void> {
  await debian.unpack([firmware], scratchDir);
  const from = path.join(scratchDir, 'usr/lib/raspi-firmware');
  for (const name of await readdir(from)) await cp(path.join(from, name), path.join(bootDir, name));
}

/** The heartbeat on the green light, as an overlay: something real for `dtoverlay=` to fetch. Labels are those of the Pi's device trees. */
const heartbeatOverlay = `/dts-v1/;
/plugin/;
/ {
	compatible = "brcm,bcm2835";
	fragment@0 {
		target-path = "/leds";
		__overlay__ {
			led-act { linux,default-trigger = "heartbeat"; };
		};
	};
};
`;

/** Compiles device tree source with Debian's dtc. */
export async function compileDeviceTree(source: string, output: string): Promise<void> {
  await mkdir(path.dirname(output), { recursive: true });
  await run(['dtc', '-q', '-@', '-I', 'dts', '-O', 'dtb', '-o', output, '-'], { input: source });
}

/** Debian ships no overlays for the Pi; this folder has one of our own and the README that firmware looks for. */
export async function addOverlays(bootDir: string): Promise<void> {
  await compileDeviceTree(heartbeatOverlay, path.join(bootDir, 'overlays/act-heartbeat.dtbo'));
  await writeFile(
    path.join(bootDir, 'overlays/README'),
    'act-heartbeat: the activity light shows the heartbeat of the system.\n',
  );
}
