import type { TimelineEntry } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { agoText, bytesText, durationText, safeText, speedText } from './format.js';
import type { Io } from './io.js';
import { createProgressBar } from './progress.js';
import { factsText, tableText, type Column } from './table.js';
import { entryText } from './timeline.js';

const capture = (kind: Partial<Io> = {}): Io & { text: () => string } => {
  let written = '';
  return {
    out: (text) => (written += text),
    err: (text) => (written += text),
    isTerminal: true,
    isLive: true,
    color: false,
    columns: 100,
    rows: () => 24,
    text: () => written,
    ...kind,
  };
};

describe('numbers in words', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1_572_864, '1.5 MiB'],
    [480_000_000, '458 MiB'],
    [2 ** 50, '1024 TiB'],
  ])('%d bytes', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [12_340, '12.3 s'],
    [245_000, '4 min 05 s'],
    [7_800_000, '2 h 10 min'],
  ])('%d ms', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
  it('speeds and ages', () => {
    expect([speedText(2048, 2000), speedText(1, 0)]).toEqual(['1.0 KiB/s', '']);
    const now = Date.parse('2026-11-22T12:00:00.000Z');
    expect(
      ['2026-11-22T11:59:30.000Z', '2026-11-22T11:00:00.000Z', '2026-11-01T00:00:00.000Z', null].map((at) =>
        agoText(at, now),
      ),
    ).toEqual(['30 s ago', '1 h ago', '21 days ago', '-']);
  });
  it('never writes what came over the wire raw to a terminal', () => {
    expect(safeText('a\u001b[2Jb\u0007\u009bc\nd\te')).toBe('a\\x1b[2Jb\\x07\\x9bc\nd\te');
  });
});

describe('tables', () => {
  const columns: Column<{ name: string; size: number | null }>[] = [
    { title: 'NAME', value: (row) => row.name },
    { title: 'SIZE', value: (row) => row.size, right: true },
  ];
  const rows = [
    { name: 'a', size: 12_345 },
    { name: 'longer\nname', size: null },
  ];
  it('are aligned with titles on a terminal', () => {
    expect(tableText(capture(), columns, rows)).toBe('NAME          SIZE\na            12345\nlonger name      -\n');
  });
  it('are plain lines with tabs elsewhere', () => {
    expect(tableText(capture({ isTerminal: false }), columns, rows)).toBe('a\t12345\nlonger name\t-\n');
    expect(factsText(capture({ isTerminal: false }), [['model', 'pi4']])).toBe('model\tpi4\n');
  });
});

describe('progress', () => {
  const run = (io: Io): void => {
    let now = 0;
    const bar = createProgressBar(io, () => now);
    for (let done = 0; done <= 100; done += 1) {
      now += 100;
      bar.update({ label: 'uploading', done: done * 1024 * 1024, total: 100 * 1024 * 1024, unit: 'bytes' });
    }
    bar.end();
  };
  it('renews one line on a terminal', () => {
    const io = capture();
    run(io);
    expect(io.text()).toContain('\r\u001b[K');
    expect(io.text()).toContain('uploading [============            ]  50% 50.0 MiB of 100 MiB 10.0 MiB/s, 5.0 s left');
    expect(io.text()).not.toContain('\n');
    expect(io.text().endsWith('\r\u001b[K')).toBe(true);
  });
  it('is a line for each tenth elsewhere', () => {
    const io = capture({ isLive: false });
    run(io);
    expect(io.text().trimEnd().split('\n')).toHaveLength(11);
    expect(io.text()).not.toContain('\u001b');
  });
});

describe('a timeline', () => {
  const at = '2026-11-22T12:00:00.123Z';
  const line = (entry: TimelineEntry): string =>
    entryText(capture(), '', entry).replace(/^\d\d:\d\d:\d\d\.\d{3} {2}/, '');
  const transfer = { at, path: 'start4.elf', bytes: 2_260_000, ms: 400, outcome: 'complete' as const };
  it.each<[TimelineEntry, string]>([
    [
      { type: 'dhcp.discover', at, mac: 'dc:a6:32:01:36:c2', firmware: 'ee', interface: 'eth0' },
      'dhcp    DISCOVER from dc:a6:32:01:36:c2 (ee) on eth0\n',
    ],
    [
      { type: 'tftp.file', ...transfer, blockSize: 1024, windowSize: 1, retransmits: 3 },
      'tftp    start4.elf  2.2 MiB in 400 ms  5.4 MiB/s, 3 blocks sent again\n',
    ],
    [{ type: 'http.file', ...transfer, outcome: 'absent' }, 'http    start4.elf: not there\n'],
    [
      { type: 'root.download', ...transfer, outcome: 'aborted', detail: 'reset' },
      'root    start4.elf  2.2 MiB in 400 ms  5.4 MiB/s (aborted: reset)\n',
    ],
    [
      { type: 'boot.files', at, disk: 'dsk_1', from: 'image', files: 0, bytes: 0, ms: 3, warnings: [] },
      'files   of the image, as dsk_1 has no others\n',
    ],
    [
      {
        type: 'boot.files',
        at,
        disk: 'dsk_1',
        from: 'disk',
        files: 1,
        bytes: 2048,
        ms: 3,
        warnings: ['It is \u001b dirty.'],
      },
      'files   of dsk_1: 1 file (2.0 KiB) are its own\n              It is \\x1b dirty.\n',
    ],
    [
      { type: 'report', at, step: 'up', state: 'ok', message: '', uptime: 31.25 },
      'up      up (31.3 s after the kernel started)\n',
    ],
    [
      { type: 'report', at, step: 'verify', state: 'failed', message: 'sha256 \u001b differs' },
      'board   verify failed sha256 \\x1b differs\n',
    ],
    [
      {
        type: 'session.ended',
        at,
        outcome: 'failed',
        verdict: { fault: 'x', message: 'No kernel for Pi 5.', remedy: 'Use a newer image.' },
      },
      'end     failed\n              No kernel for Pi 5.\n              What to do: Use a newer image.\n',
    ],
    [
      { type: 'log', at, source: 'kernel', text: 'one\ntwo\n' },
      'log     kernel\n              one\n              two\n',
    ],
  ])('%#', (entry, text) => {
    expect(line(entry)).toBe(text);
  });
});
