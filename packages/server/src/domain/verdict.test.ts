import { describe, expect, it } from 'vitest';
import type { BootSession, TimelineEntry } from '@drover/contract';
import { bootSession, entry, factsOf } from '../../test/boot/timeline.js';
import { advance } from './session-machine.js';
import { isSignOfLife } from './sign-of-life.js';
import { faults } from './verdict-faults.js';
import { judge, type SessionFacts } from './verdict.js';

/** A session as its timeline leaves it, ended as lost unless it says otherwise. */
function sessionAfter(timeline: readonly TimelineEntry[], more: Partial<BootSession>): BootSession {
  const { stage, outcome } = timeline.reduce(advance, bootSession({ outcome: 'running', ...more }));
  return bootSession({ ...more, stage, outcome: outcome === 'running' ? 'lost' : outcome });
}

const verdict = (timeline: TimelineEntry[], session: Partial<BootSession> = {}, facts: Partial<SessionFacts> = {}) =>
  judge(sessionAfter(timeline, session), timeline, factsOf(facts));

const tries = (count: number, firmware: 'rom' | 'ee' | 'bc', relay?: string) =>
  Array.from({ length: count }, () => [
    entry.discover({ firmware, ...(relay === undefined ? {} : { relay }) }),
    entry.offer(),
  ]).flat();
const kernel = entry.file('p/kernel8.img');
const inRoot = [kernel, entry.report('start', 'ok'), entry.report('switch', 'ok')];
const unfit = {
  name: 'x:1',
  models: ['pi4' as const],
  unfit: [{ model: 'pi5' as const, reason: 'no bcm2712 device tree' }],
  warnings: [],
};

describe('verdicts, by the trace in the catalogue of faults', () => {
  it.each<[number, string, TimelineEntry[], Partial<BootSession>, Partial<SessionFacts>]>([
    [3, 'rom-gave-up', tries(5, 'rom'), { firmware: 'rom' }, {}],
    [4, 'rival-server', [...tries(2, 'ee'), entry.rival('192.168.0.1', [66, 67])], {}, {}],
    [5, 'no-addresses', tries(3, 'ee'), {}, {}],
    [6, 'wrong-interface', [entry.discover(), entry.ignored('interface wlan0 is not configured')], {}, {}],
    [7, 'relay', tries(2, 'rom', '10.1.0.1'), { firmware: 'rom' }, {}],
    [8, 'no-file-request', [...tries(1, 'ee'), entry.request()], {}, {}],
    [
      9,
      'answers-lost',
      [1, 2, 3].map(() => entry.file('p/start4.elf', { outcome: 'timed-out', bytes: 0, retransmits: 4 })),
      {},
      {},
    ],
    [
      10,
      'mtu',
      [
        entry.file('p/start4.elf', {
          outcome: 'timed-out',
          bytes: 0,
          blockSize: 1468,
          detail: 'stalled at the first block',
        }),
      ],
      {},
      {},
    ],
    [
      10,
      'mtu',
      [
        entry.file('p/a', { blockSize: 512 }),
        entry.file('p/start4.elf', { outcome: 'timed-out', bytes: 0, blockSize: 1468 }),
      ],
      {},
      {},
    ],
    [
      11,
      'firmware-missing',
      [
        entry.file('p/start4.elf', { outcome: 'absent', bytes: 0 }),
        entry.file('p/start.elf', { outcome: 'absent', bytes: 0 }),
        entry.file('start4.elf', { outcome: 'absent', bytes: 0 }),
      ],
      {},
      {},
    ],
    [11, 'firmware-missing', [entry.file('bootcode.bin', { outcome: 'absent', bytes: 0 })], { firmware: 'rom' }, {}],
    [
      12,
      'os-refused',
      [entry.file('p/config.txt'), entry.file('p/pieeprom.sig', { outcome: 'absent', bytes: 0 })],
      { model: 'pi5' },
      { image: unfit },
    ],
    [
      13,
      'file-too-big',
      [entry.file('p/drover.img', { outcome: 'aborted', bytes: 65_535 * 1024, blockSize: 1024, ms: 20_000 })],
      {},
      {},
    ],
    [
      13,
      'file-too-big',
      [entry.file('p/drover.img', { outcome: 'timed-out', bytes: 65_535 * 1468, blockSize: 1468, ms: 31_000 })],
      {},
      {},
    ],
    [
      14,
      'file-timeout',
      [
        entry.file('p/drover.img', { outcome: 'aborted', bytes: 5e6, ms: 30_100 }),
        entry.file('p/drover.img', { outcome: 'aborted', bytes: 5e6, ms: 30_050 }),
      ],
      {},
      {},
    ],
    [
      15,
      'truncated-initramfs',
      [
        entry.file('p/drover.img', { outcome: 'aborted', bytes: 5e6, ms: 30_100 }),
        kernel,
        entry.log('kernel', 'Initramfs unpacking failed: write error'),
      ],
      {},
      {},
    ],
    [16, 'unheard-initramfs', [...tries(1, 'ee'), kernel], {}, {}],
    [16, 'unheard-initramfs', [...tries(1, 'ee'), kernel, entry.request()], {}, {}],
    [16, 'no-network-in-initramfs', [kernel, entry.report('network', 'failed', { message: 'no interface' })], {}, {}],
    [18, 'clock', [kernel, entry.report('clock', 'failed', { message: 'server says 1970' })], {}, {}],
    [18, 'clock', [kernel, entry.report('download', 'failed', { message: 'certificate is not yet valid' })], {}, {}],
    [
      19,
      'out-of-memory',
      [kernel, entry.report('download', 'failed', { message: 'write: No space left on device' })],
      {},
      {},
    ],
    [19, 'out-of-memory', [kernel, entry.log('kernel', 'Out of memory: Killed process 1')], {}, {}],
    [
      20,
      'squashfs-compression',
      [
        kernel,
        entry.log('kernel', 'squashfs: SQUASHFS error: Filesystem uses "zstd" compression. This is not supported'),
        entry.report('mount', 'failed'),
      ],
      {},
      {},
    ],
    [
      21,
      'module-mismatch',
      [kernel, entry.log('initramfs', "insmod: can't insert 'overlay.ko': invalid module format")],
      {},
      {},
    ],
    [22, 'no-report', inRoot, {}, {}],
    [
      24,
      'identity-conflict',
      tries(1, 'ee'),
      {},
      { conflict: 'boot prefix 91cdf03d, dc:a6:32:00:00:01 and dc:a6:32:00:00:02' },
    ],
    [
      26,
      'under-voltage',
      [kernel, entry.report('start', 'ok'), entry.log('kernel', 'hwmon hwmon1: Undervoltage detected!')],
      {},
      {},
    ],
    [
      27,
      'too-many-at-once',
      [entry.file('p/drover.img', { outcome: 'aborted', bytes: 5e6, ms: 30_100 })],
      {},
      { crowd: 40 },
    ],
    [
      28,
      'config-not-ascii',
      [entry.file('p/config.txt')],
      {},
      { image: { ...unfit, warnings: ['config.txt line 3 holds a character that is not ASCII'] } },
    ],
    [29, 'http-boot-refused', [entry.http('boot.sig')], {}, {}],
    [29, 'http-boot-refused', [entry.http('boot.sig'), entry.http('boot.img'), entry.http('boot.img')], {}, {}],
  ])('fault %i is %s', (number, id, timeline, session, facts) => {
    const found = verdict(timeline, session, facts);
    expect(found?.fault).toBe(id);
    expect(faults.find((fault) => fault.id === id)?.number).toBe(number);
    expect(found!.message).toMatch(/^[A-Z].*\.$/s);
    expect(found!.remedy).toMatch(/^[A-Za-z].*\.$/s);
  });

  it.each<[string, string, TimelineEntry[], Partial<BootSession>, Partial<SessionFacts>]>([
    [
      'a board without an assignment',
      'not-provisioned',
      tries(3, 'ee'),
      { generation: null },
      { bootable: false, reason: 'it is not adopted' },
    ],
    [
      'a network boot of what is to run from its card',
      'card-needed',
      tries(2, 'ee'),
      { generation: null },
      { rootMode: 'sd' },
    ],
    ['somebody in the name of a board that is up', 'impostor', [kernel, entry.impostor(true)], {}, {}],
    [
      'a secret used twice',
      'credential-reused',
      [kernel, entry.exchange('granted'), entry.exchange('used-twice', '10.0.0.66')],
      {},
      {},
    ],
    [
      'a step that failed for its own reason',
      'step-failed',
      [kernel, entry.report('verify', 'failed', { message: 'sha256 differs' })],
      {},
      {},
    ],
    ['silence in the initramfs', 'silent-initramfs', [kernel, entry.report('download', 'start')], {}, {}],
    [
      'silence among the files',
      'silent-firmware',
      [entry.file('p/config.txt'), entry.file('p/kernel8.img', { outcome: 'aborted' })],
      {},
      {},
    ],
    [
      'a kernel that is not there',
      'kernel-missing',
      [
        entry.file('p/config.txt'),
        entry.file('p/start4.elf'),
        entry.file('p/kernel8.img', { outcome: 'absent', bytes: 0 }),
      ],
      {},
      {},
    ],
    [
      'a rule of TFTP that fails',
      'tftp-rule-failed',
      [
        entry.file('p/start4.elf', { detail: 'by rule 1' }),
        entry.file('p/kernel8.img', { outcome: 'failed', bytes: 0, detail: 'rule 2: make-kernel ended with 1' }),
      ],
      {},
      {},
    ],
    [
      'a rule of TFTP that takes the kernel and has none',
      'tftp-rule-failed',
      [entry.file('p/kernel8.img', { outcome: 'absent', bytes: 0, detail: 'rule 1: it is not there' })],
      {},
      {},
    ],
    [
      'a rule of TFTP that has not what may be absent',
      'silent-firmware',
      [
        entry.file('p/start4.elf'),
        entry.file('p/dt.bin', { outcome: 'absent', bytes: 0, detail: 'rule 1: not there' }),
      ],
      {},
      {},
    ],
    ['an unanswered board', 'not-answered', [entry.discover()], {}, {}],
  ])('%s is %s', (_name, id, timeline, session, facts) => {
    expect(verdict(timeline, session, facts)?.fault).toBe(id);
  });

  it('asks for no card where the card has asked', () => {
    const timeline = [entry.cardAsked('waiting')];
    expect(verdict(timeline, { generation: null }, { rootMode: 'sd' })?.fault).not.toBe('card-needed');
    expect(verdict(tries(2, 'ee'), { generation: 3 }, { rootMode: 'sd' })?.fault).not.toBe('card-needed');
  });

  it('names both sides of a stolen secret', () => {
    const found = verdict([kernel, entry.exchange('granted', '10.0.0.9'), entry.exchange('used-twice', '10.0.0.66')]);
    expect(found?.message).toContain('10.0.0.9 and 10.0.0.66');
  });

  it('says nothing of a boot that came up, least of all that its address changed (fault 17)', () => {
    expect(verdict([...tries(1, 'ee'), kernel, entry.request(), entry.report('up', 'ok')])).toBeNull();
  });

  it('says nothing of a boot that ended in a restart into new boot files, and of one that never came back it does', () => {
    const timeline = [kernel, entry.exchange('granted'), entry.report('update', 'ok')];
    const session = { stage: 'initramfs' } as const;
    expect(verdict(timeline, { ...session, outcome: 'superseded' })).toBeNull();
    expect(verdict(timeline, { ...session, outcome: 'lost' })?.fault).toBe('silent-initramfs');
  });

  it('warns of under-voltage though the board came up', () => {
    expect(
      verdict([kernel, entry.log('kernel', 'Under-voltage detected! (0x00050005)'), entry.report('up', 'ok')])?.fault,
    ).toBe('under-voltage');
  });

  it.each([
    ['a panic', 'kernel-panic', '[    2.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100'],
    ['a cut initramfs', 'truncated-initramfs', '[    2.1] Initramfs unpacking failed: junk within compressed archive'],
    ['under-voltage', 'under-voltage', '[    2.1] hwmon hwmon1: Undervoltage detected!'],
  ])('is told of %s that only netconsole heard', (_name, id, text) => {
    const found = verdict([kernel, entry.log('netconsole', `[    0.0] Booting Linux\n${text}\n[    9.9] more`)]);
    expect(found?.fault).toBe(id);
  });

  it('takes a log that anybody can send for no sign of how far the board came', () => {
    const heard = [entry.log('bootloader', 'x'), entry.log('netconsole', 'x')];
    expect(sessionAfter(heard, {})).toMatchObject({ stage: 'dhcp' });
    expect([...heard, entry.log('kernel', 'x')].map(isSignOfLife)).toEqual([false, false, true]);
  });

  it('is a boot loop after five boots without success (fault 23), with the last cause', () => {
    const found = verdict(inRoot, {}, { unhealthy: 5 });
    expect(found?.fault).toBe('boot-loop');
    expect(found?.message).toContain('5 boots');
    expect(found?.message).toContain('nothing more was heard');
    expect(verdict(tries(3, 'ee'), {}, { unhealthy: 9, bootable: false, reason: 'it is not adopted' })?.fault).toBe(
      'not-provisioned',
    );
  });

  it('has an id and a test for each row, once', () => {
    const ids = faults.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
