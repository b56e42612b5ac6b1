import { serverSeries, type ServerStats } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { figuresOf, mergeStats } from './stats.js';

const stats = (at: number[], startedAt = 'a'): ServerStats => ({
  ...{ version: '1', startedAt, checks: [], addresses: { api: [], boot: null }, intervalSeconds: 5, at },
  series: Object.fromEntries(serverSeries.map((name) => [name, at.map((each) => each * 2)])) as ServerStats['series'],
});

describe('figures of the server', () => {
  it('grow by what came since, each moment once', () => {
    const merged = mergeStats(stats([5, 10]), stats([10, 15, 20]));
    expect(merged.at).toEqual([5, 10, 15, 20]);
    expect(merged.series['tftp.bytes']).toEqual([10, 20, 30, 40]);
    expect(mergeStats(stats([5, 10]), stats([])).at).toEqual([5, 10]);
  });

  it('go back an hour', () => {
    expect(mergeStats(stats([5, 10, 3000]), stats([3615])).at).toEqual([3000, 3615]);
  });

  it('begin anew with the server', () => {
    expect(mergeStats(stats([5, 10]), stats([12], 'b')).at).toEqual([12]);
  });

  it('say what is now and what was most', () => {
    const some = stats([5, 10, 15]);
    const series = { ...some.series, 'jobs.running': [3, 7, null], 'jobs.queued': [null, null, null] };
    expect(figuresOf({ ...some, series }, 'jobs.running')).toEqual({ now: null, most: 7 });
    expect(figuresOf({ ...some, series }, 'jobs.queued')).toEqual({ now: null, most: null });
    expect(figuresOf(stats([]), 'jobs.queued')).toEqual({ now: null, most: null });
  });
});
