import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootFiles, endlessKernel, testKernel, writeFiles } from '../support/boot-folder.js';
import { createLab, proxyArguments, runSimulator, startDnsmasq, stepOf, type Lab } from '../support/lab.js';

describe('an emulated Pi, from power-on through dnsmasq and QEMU and back', () => {
  let lab: Lab;
  let place: string;
  const work = (): string => join(lab.folder, 'work');

  beforeAll(async () => {
    lab = await createLab();
    place = await lab.namespace('qemu');
    await writeFiles(join(lab.folder, 'tftp/abcdef01'), { ...bootFiles, 'kernel8.img': gzipSync(testKernel) });
    await writeFiles(join(lab.folder, 'tftp/abcdef02'), { ...bootFiles, 'kernel8.img': gzipSync(endlessKernel) });
    const proxy = proxyArguments('127.0.0.0', join(lab.folder, 'tftp')).map((part) =>
      part.replace('proxy', 'proxy,255.0.0.0'),
    );
    lab.keep(await startDnsmasq(place, 'lo', proxy));
  });
  afterAll(() => lab.close());

  const board = (serial: string): string[] => [
    ...['--model', '4b', '--serial', serial, '--boot-server', '127.0.0.1'],
    ...['--qemu', 'virt', '--work', work(), '--memory', '128'],
  ];
  const guest = (...args: readonly string[]) => runSimulator(place, [...board('10000000abcdef01'), ...args]);

  it('runs the served kernel, and starts over at the firmware when the guest reboots', async () => {
    const run = await guest('--boots', '3');
    expect(run.code, run.output).toBe(0);
    const lines = run.steps.flatMap((step) => (step.type === 'console' ? [step.line] : []));
    expect(lines.filter((line) => line === 'drover test kernel')).toHaveLength(3);
    expect(run.steps.flatMap((step) => (step.type === 'power-on' ? [step.boot] : []))).toEqual([1, 2, 3]);
    expect(new Set(run.steps.flatMap((step) => (step.type === 'dhcp-discover' ? [step.xid] : []))).size).toBe(3);
    expect(run.output).toContain('"end":"boots"');
    expect(await readdir(work())).toEqual([]);
  });

  it('hands over the served command line and files', async () => {
    const run = await guest('--append', 'panic=-1 drover.test=1', '--user-net');
    const { command } = stepOf(run, 'qemu-start');
    const append = command[command.indexOf('-append') + 1] ?? '';
    expect(append).toContain('console=ttyAMA0,115200 console=tty1 root=/dev/ram0 panic=-1 drover.test=1');
    expect(command).toContain('virtio-net-device,netdev=n0,mac=dc:a6:32:cd:ef:01');
    expect(command).toContain('-initrd');
  });

  it('ends with the simulator, however that ends', async () => {
    const emulators = (): string =>
      execFileSync('sh', [
        '-c',
        `for p in $(ip netns pids ${place}); do tr '\\0' ' ' </proc/$p/cmdline; done`,
      ]).toString();
    await runSimulator(place, board('10000000abcdef02'), 'drover test kernel');
    await expect.poll(emulators).not.toContain('qemu-system');
  });

  it('says so when the firmware fails, and when QEMU cannot start', async () => {
    const none = await guest(
      '--eeprom',
      'TFTP_PREFIX=1',
      '--eeprom',
      'TFTP_PREFIX_STR=nowhere/',
      '--clock-scale',
      '0.01',
      '--failures',
      '2',
    );
    expect(none.code).toBe(4);
    expect(none.output).toContain('"end":"failures"');
    const broken = await guest('--drive', '/nonexistent.img');
    expect(broken.code).toBe(4);
    expect(broken.output).toContain('"end":"qemu-failed"');
    expect(broken.output).toContain('/nonexistent.img');
  });
});
