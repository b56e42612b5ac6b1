import { serverSeries } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import type { Log } from '../ports.js';
import { createSampleRing } from './ring.js';
import { createSampler, type SampleSources } from './sampler.js';
import { createServerStats } from './server-stats.js';

const setup = (sources: SampleSources) => {
  let now = 1_000_000;
  const said: string[] = [];
  const say = (_: object, message: string): void => void said.push(message);
  const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log };
  const ring = createSampleRing(serverSeries, 10);
  const sampler = createSampler({ ring, names: serverSeries, sources, clock: { now: () => now }, log, intervalMs: 5 });
  const pass = async (ms: number): Promise<void> => {
    now += ms;
    await sampler.sample();
  };
  return { ring, sampler, said, pass };
};
const signal = new AbortController().signal;

describe('the sampler', () => {
  it('notes rates of counters and what gauges tell, one moment each', async () => {
    const reading = { at: 0, counts: { 'tftp.bytes': 0 } };
    const { ring, pass } = setup({
      counters: [() => ({ ...reading, counts: { ...reading.counts } })],
      gauges: [() => ({ 'api.streams': 3 }), async () => ({ 'jobs.running': 1 })],
    });
    await pass(0);
    reading.at = 5000;
    reading.counts['tftp.bytes'] = 50_000;
    await pass(5000);
    const { at, series } = ring.after(0);
    expect(at).toEqual([1000, 1005]);
    expect(series['tftp.bytes']).toEqual([null, 10_000]);
    expect(series['api.streams']).toEqual([3, 3]);
    expect(series['jobs.running']).toEqual([1, 1]);
    expect(series['disk.free']).toEqual([null, null]);
  });

  it('goes on without what fails, and says so once', async () => {
    const away = async () => Promise.reject(new Error('the database is away'));
    const { ring, pass, said } = setup({ counters: [], gauges: [away, () => ({ 'api.streams': 1 })] });
    await pass(5000);
    await pass(5000);
    expect(ring.after(0).series['api.streams']).toEqual([1, 1]);
    expect(said).toHaveLength(1);
  });

  it('takes samples from its start to its stop', async () => {
    let asked = 0;
    const { sampler } = setup({
      counters: [],
      gauges: [
        () => {
          asked += 1;
          return {};
        },
      ],
    });
    await sampler.start(signal);
    await expect.poll(() => asked).toBeGreaterThan(2);
    await sampler.stop();
    const then = asked;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked).toBe(then);
  });
});

describe('the figures of the server', () => {
  const stats = createServerStats({
    ring: createSampleRing(serverSeries, 2),
    version: '1.2.3',
    startedAt: '2026-11-30T10:00:00.000Z',
    intervalMs: 5000,
    checks: async () => [{ name: 'store', ok: true, detail: 'answers' }],
    addresses: () => ({ api: ['http://127.0.0.1:8080'], boot: null }),
  });
  const who = (role: 'reader' | 'device', tenant: string | null) => ({
    ...{ key: 'key_00000000000000000000000001', name: 'who', role, tenant },
  });

  it('are for keys of the installation only', async () => {
    expect(await stats.get(who('reader', null), { after: 0 })).toMatchObject({ ok: true, value: { version: '1.2.3' } });
    const tenant = 'ten_00000000000000000000000001';
    expect(await stats.get(who('reader', tenant), { after: 0 })).toMatchObject({ ok: false, code: 'auth.forbidden' });
    expect(await stats.get(who('device', null), { after: 0 })).toMatchObject({ ok: false, code: 'auth.forbidden' });
  });
});
