import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../inputs/run.js';
import type { Lab } from '../lab/lab.js';
import { spawnInNamespace, type LabProcess } from '../lab/process.js';
import { qemuVirt, type Guest } from '../lab/qemu.js';

const drover = fileURLToPath(new URL('../../packages/cli/bin/drover.js', import.meta.url));

export interface PiOptions {
  /** As the simulator names them: `4b`, `3b`, `5`. */
  readonly model: string;
  /** 16 hex digits. */
  readonly serial: string;
  /** Guests started before it ends by itself; 1. */
  readonly boots?: number;
  /** Firmware runs that may fail in a row; 1. */
  readonly failures?: number;
  /** 512. */
  readonly memoryMb?: number;
  readonly cpus?: number;
  /** Appended to the served command line. */
  readonly append?: string;
  /** Firmware stage only, no guest. */
  readonly firmwareOnly?: boolean;
  /** Runs the firmware's waits faster: 0.05. */
  readonly clockScale?: number;
  readonly more?: readonly string[];
}

/** A Pi plugged into the lab: simulated firmware, then a QEMU guest with exactly the bytes it fetched. */
export interface Pi extends LabProcess {
  readonly serial: string;
  /** Everything the simulator said, oldest first. */
  steps(): PiStep[];
  /** The guest's serial console so far. */
  guestConsole(): string;
}

export interface PiStep {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What a board needs of the place it is plugged in: a lab, or the quickstart's segment. */
export interface Plug extends Pick<Lab, 'dir' | 'tap'> {
  netns(place: 'router'): string;
}

let plugged = 0;

function parse(text: string): PiStep[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      return [JSON.parse(line) as PiStep];
    } catch {
      return [];
    }
  });
}

/** Its network card is a namespace of its own on the lab's bridge; the guest's is a tap there, so that only one of them uses the MAC at a time. */
async function plugIn(lab: Plug): Promise<string> {
  const name = `pi${plugged++}`;
  const router = lab.netns('router');
  const netns = router.replace(/-router$/, `-${name}`);
  await run(['ip', 'netns', 'add', netns]);
  await run(['ip', '-n', netns, 'link', 'set', 'lo', 'up']);
  await run(['ip', '-n', router, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns]);
  await run(['ip', '-n', router, 'link', 'set', name, 'master', 'br0', 'up']);
  await run(['ip', '-n', netns, 'link', 'set', 'eth0', 'up']);
  return netns;
}

export async function powerOn(lab: Plug, options: PiOptions): Promise<Pi> {
  const netns = await plugIn(lab);
  const guest =
    options.firmwareOnly === true
      ? ['--os', 'none']
      : [
          ...['--qemu', 'virt', '--work', path.join(lab.dir, netns), '--tap', await lab.tap()],
          ...[
            '--netns',
            lab.netns('router'),
            '--boots',
            String(options.boots ?? 1),
            '--failures',
            String(options.failures ?? 1),
          ],
          ...['--memory', String(options.memoryMb ?? 512), '--cpus', String(options.cpus ?? 1)],
          ...['--append', `console=ttyAMA0 panic=-1 ${options.append ?? ''}`.trim()],
        ];
  const argv = [
    ...['node', drover, 'simulate', '--json', '--model', options.model, '--serial', options.serial],
    ...['--mode', 'broadcast', '--interface', 'eth0', '--configure-interface'],
    ...(options.clockScale === undefined ? [] : ['--clock-scale', String(options.clockScale)]),
    ...guest,
    ...(options.more ?? []),
  ];
  const process = await spawnInNamespace(argv, { netns, name: `pi ${options.serial}` });
  return {
    ...process,
    serial: options.serial,
    steps: () => parse(process.console.text()),
    guestConsole: () =>
      parse(process.console.text())
        .filter((step) => step.type === 'console')
        .map((step) => String(step['line']))
        .join('\n'),
  };
}

/** A guest started by hand from what the firmware fetched, with its serial console open for typing. */
export async function powerOnWithConsole(lab: Lab, options: PiOptions): Promise<Guest> {
  const folder = await mkdtemp(path.join(lab.dir, 'fetched-'));
  const pi = await powerOn(lab, { ...options, firmwareOnly: true, more: ['--keep', folder] });
  const { code } = await pi.ended;
  if (code !== 0) throw new Error(`the firmware stage failed:\n${pi.console.text().slice(-3000)}`);
  const own = path.join(folder, options.serial.slice(-8));
  const loaded = pi.steps().find((step) => step.type === 'loaded');
  const mac = pi.steps().find((step) => step.type === 'power-on')?.['mac'];
  return qemuVirt({
    ...{ lab, mac: String(mac), smp: options.cpus ?? 1, memoryMiB: options.memoryMb ?? 512 },
    kernel: path.join(own, 'kernel8.img'),
    initrd: path.join(own, 'drover.img'),
    append: `${String(loaded?.['cmdline'])} console=ttyAMA0 panic=-1`,
  });
}
