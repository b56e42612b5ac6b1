import type { SessionOutcome, SessionStage, TimelineEntry, TimelineItem } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { timelineModel, withItems, type TimelineModel } from './timeline-model.js';

const begin = Date.UTC(2026, 10, 30, 12);
type Told = TimelineEntry extends infer E ? (E extends { at: string } ? Omit<E, 'at'> : never) : never;
/** Entries a second apart. */
const items = (...told: Told[]): TimelineItem[] =>
  told.map((entry, index) => ({
    seq: index + 1,
    entry: { ...entry, at: new Date(begin + index * 1000).toISOString() },
  }));
const model = (
  told: TimelineItem[],
  outcome: SessionOutcome = 'running',
  stage: SessionStage = 'dhcp',
): TimelineModel => timelineModel(told, { stage, outcome, endedAt: null });

const mac = 'dc:a6:32:01:02:03';
const discover: Told = { type: 'dhcp.discover', mac, firmware: 'ee', interface: 'eth0' };
const offer: Told = { type: 'dhcp.offer', mac, server: '10.0.0.1', delayMs: 40 };
const file = (
  path: string,
  outcome: 'complete' | 'absent' | 'probe' | 'timed-out' = 'complete',
  bytes = 2_000_000,
): Told => ({
  ...{ type: 'tftp.file', path, bytes, ms: 500, outcome, blockSize: 1468, windowSize: 1, retransmits: 0 },
});
const report = (
  step: string,
  state: 'start' | 'ok' | 'failed' | 'info' | 'progress',
  message = '',
  uptime?: number,
): Told => ({
  ...{ type: 'report', step, state, message },
  ...(uptime === undefined ? {} : { uptime }),
});
const titles = ({ stages }: TimelineModel): string[][] => stages.map(({ rows }) => rows.map(({ title }) => title));
const states = ({ stages }: TimelineModel): string[] => stages.map(({ state }) => state);

describe('a boot that is up', () => {
  const told = items(
    discover,
    offer,
    file('config.txt', 'absent', 0),
    file('start4.elf'),
    file('kernel8.img', 'probe', 0),
    file('kernel8.img'),
    report('start', 'start'),
    report('start', 'ok'),
    { type: 'exchange', outcome: 'granted', address: '10.0.0.7' },
    report('download', 'start', '4 MB'),
    report('download', 'progress', '2 of 4 MB'),
    { type: 'root.download', path: 'root', bytes: 4_000_000, ms: 250, outcome: 'complete' },
    report('download', 'ok', '4 MB in 2 s'),
    report('up', 'ok', 'Debian 12', 9.5),
    { type: 'log', source: 'kernel', text: 'Linux' },
  );
  const up = model(told, 'up', 'up');

  it('is five stages that are done, with the time of each', () => {
    expect(states(up)).toEqual(['done', 'done', 'done', 'done', 'done']);
    expect(up.stages.map(({ ms }) => ms)).toEqual([2000, 4000, 3000, 4000, undefined]);
  });

  it('has each file with size and speed, and folds what is of no consequence', () => {
    const [, firmware] = up.stages;
    expect(firmware?.rows.map(({ title, size, speed, took }) => [title, size, speed, took])).toEqual([
      ['start4.elf', '2.0 MB', '4.0 MB/s', '500 ms'],
      ['kernel8.img', '2.0 MB', '4.0 MB/s', '500 ms'],
    ]);
    expect(firmware?.folded.map(({ title, detail }) => [title, detail])).toEqual([
      ['config.txt', 'is not there, which is normal'],
      ['kernel8.img', 'looked at only'],
    ]);
    expect([up.files, up.bytes]).toEqual([3, 8_000_000]);
  });

  it('makes start, progress and end of a step one row', () => {
    expect(titles(up)[3]).toEqual(['Downloads its root', 'The root, as it was sent']);
    expect(up.stages[3]?.rows[0]).toMatchObject({ took: '3.0 s', isRunning: false, detail: '4 MB in 2 s' });
    expect(up.stages[4]?.rows[0]).toMatchObject({ tone: 'ok', detail: 'Debian 12, 9.5 s after its kernel started' });
    expect(up.logs).toEqual([{ key: '15', source: 'kernel', text: 'Linux' }]);
  });
});

describe('a boot under way', () => {
  it('is where its last entry is, also before the session says so', () => {
    expect(states(model([]))).toEqual(['now', 'waiting', 'waiting', 'waiting', 'waiting']);
    expect(states(model(items(discover, offer, file('start4.elf'))))).toEqual([
      'done',
      'now',
      'waiting',
      'waiting',
      'waiting',
    ]);
    const running = model(items(discover, report('start', 'ok'), report('download', 'start')));
    expect(states(running)).toEqual(['done', 'skipped', 'done', 'now', 'waiting']);
    expect(running.stages[3]?.rows[0]).toMatchObject({ isRunning: true, took: undefined });
  });

  it('shows a step that is begun a second time as a second row', () => {
    const twice = model(
      items(report('download', 'start'), report('download', 'failed', 'no'), report('download', 'start')),
    );
    expect(twice.stages[3]?.rows.map(({ tone, isRunning }) => [tone, isRunning])).toEqual([
      ['bad', false],
      ['plain', true],
    ]);
  });
});

it('a boot that failed ends at its stage', () => {
  const failed = model(items(discover, file('kernel8.img', 'timed-out')), 'lost', 'firmware');
  expect(states(failed)).toEqual(['done', 'failed', 'waiting', 'waiting', 'waiting']);
  expect(failed.stages[1]?.rows[0]).toMatchObject({ tone: 'warn', detail: 'was given up: the board fell silent' });
});

it('items that come twice, or late, are there once and in order', () => {
  const [one, two, three] = items(discover, offer, file('a')) as [TimelineItem, TimelineItem, TimelineItem];
  const known = withItems([one], [three]);
  expect(withItems(known, [two, three]).map(({ seq }) => seq)).toEqual([1, 2, 3]);
  expect(withItems(known, [one, three])).toBe(known);
});
