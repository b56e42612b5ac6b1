import { describe, expect, it } from 'vitest';
import { inOrderOfExtends, isDue, lastDue, type Timetable } from './build-schedule.js';

const at = (text: string): number => Date.parse(text);
const due = (timetable: Partial<Timetable>, now: string): string =>
  new Date(lastDue({ at: '02:30', days: [], timezone: 'UTC', ...timetable }, at(now))).toISOString().slice(0, 16);
const berlin = { timezone: 'Europe/Berlin' };

describe('a timetable', () => {
  it('is due at its time of day, and from then on until the next day', () => {
    expect(due({}, '2026-11-28T02:30:00Z')).toBe('2026-11-28T02:30');
    expect(due({}, '2026-11-28T02:29:59Z')).toBe('2026-11-27T02:30');
    expect(due({}, '2026-11-28T23:59:00Z')).toBe('2026-11-28T02:30');
  });

  it('is due on its days only', () => {
    // 2026-11-28 is a Saturday.
    expect(due({ days: ['sat'] }, '2026-11-28T03:00:00Z')).toBe('2026-11-28T02:30');
    expect(due({ days: ['sat'] }, '2026-11-28T02:00:00Z')).toBe('2026-11-21T02:30');
    expect(due({ days: ['mon', 'thu'] }, '2026-11-28T03:00:00Z')).toBe('2026-11-26T02:30');
  });

  it('goes by the clock of its zone, whose day may be another one', () => {
    expect(due(berlin, '2026-11-28T01:30:00Z')).toBe('2026-11-28T01:30');
    expect(due(berlin, '2026-07-01T00:30:00Z')).toBe('2026-07-01T00:30');
    expect(due({ timezone: 'Pacific/Auckland', at: '01:00', days: ['sat'] }, '2026-11-27T12:00:00Z')).toBe(
      '2026-11-27T12:00',
    );
    expect(due({ timezone: 'Asia/Kathmandu' }, '2026-11-28T00:00:00Z')).toBe('2026-11-27T20:45');
  });

  it('that is left out when clocks are put forward is due an hour later by the clock', () => {
    // 02:00 becomes 03:00 on 2026-03-29.
    expect(due(berlin, '2026-03-29T01:29:00Z')).toBe('2026-03-28T01:30');
    expect(due(berlin, '2026-03-29T01:30:00Z')).toBe('2026-03-29T01:30');
    expect(due(berlin, '2026-03-30T00:30:00Z')).toBe('2026-03-30T00:30');
  });

  it('that comes twice when clocks are put back is due the first time only', () => {
    // 03:00 becomes 02:00 on 2026-10-25: 02:30 is at 00:30 and at 01:30 UTC.
    for (const now of ['2026-10-25T00:30:00Z', '2026-10-25T01:29:00Z', '2026-10-25T01:30:00Z', '2026-10-25T12:00:00Z'])
      expect(due(berlin, now)).toBe('2026-10-25T00:30');
    expect(due(berlin, '2026-10-25T00:29:00Z')).toBe('2026-10-24T00:30');
  });

  it('is due once on each day of a year, in any zone', () => {
    for (const timezone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) {
      const moments = new Set<number>();
      for (let now = at('2026-01-02T00:00:00Z'); now < at('2027-01-02T00:00:00Z'); now += 6 * 3_600_000)
        moments.add(lastDue({ at: '02:30', days: [], timezone }, now));
      expect([timezone, moments.size]).toEqual([timezone, expect.toSatisfy((n: number) => n >= 365 && n <= 366)]);
    }
  });
});

describe('whether to begin', () => {
  const table: Timetable = { at: '02:30', days: [], timezone: 'UTC' };
  const decide = (now: string, since: string, last?: string): boolean =>
    isDue(table, { now: at(now), since: at(since), last: last === undefined ? undefined : at(last) });

  it('is yes once when the time comes', () => {
    expect(decide('2026-11-28T02:29:00Z', '2026-11-01T00:00:00Z', '2026-11-27T02:30:10Z')).toBe(false);
    expect(decide('2026-11-28T02:30:10Z', '2026-11-01T00:00:00Z', '2026-11-27T02:30:10Z')).toBe(true);
    expect(decide('2026-11-28T02:31:00Z', '2026-11-01T00:00:00Z', '2026-11-28T02:30:10Z')).toBe(false);
  });

  it('is yes at the start after a time that was missed, and no where the last was within a day', () => {
    expect(decide('2026-11-28T09:00:00Z', '2026-11-28T08:59:00Z', '2026-11-27T02:30:10Z')).toBe(true);
    expect(decide('2026-11-28T09:00:00Z', '2026-11-28T08:59:00Z', '2026-11-28T02:30:10Z')).toBe(false);
    // Somebody has moved the time to this morning.
    expect(decide('2026-11-28T09:00:00Z', '2026-11-28T08:59:00Z', '2026-11-27T20:00:00Z')).toBe(false);
  });

  it('is no at the start where it never was done: it waits for its time', () => {
    expect(decide('2026-11-28T09:00:00Z', '2026-11-28T08:59:00Z')).toBe(false);
    expect(decide('2026-11-29T02:30:10Z', '2026-11-28T08:59:00Z')).toBe(true);
  });
});

it('puts recipes behind those they extend, and leaves the others where they stand', () => {
  const recipe = (name: string, ...chain: string[]) => ({ name, chain: [...chain, name] });
  const names = (...recipes: ReturnType<typeof recipe>[]): string[] =>
    inOrderOfExtends(recipes).map(({ name }) => name);
  expect(names(recipe('kiosk', 'base'), recipe('other'), recipe('base'))).toEqual(['base', 'kiosk', 'other']);
  expect(names(recipe('c', 'a', 'b'), recipe('b', 'a'), recipe('a'))).toEqual(['a', 'b', 'c']);
  expect(names(recipe('b', 'not-here'), recipe('a'))).toEqual(['b', 'a']);
});
