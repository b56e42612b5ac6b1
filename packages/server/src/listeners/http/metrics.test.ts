import { describe, expect, it } from 'vitest';
import { createMetrics, type GaugeSource } from './metrics.js';

const source = (name: string, read: GaugeSource['read']): GaugeSource => ({ name, help: name, labels: ['of'], read });

describe('metrics', () => {
  it('tell what can be told where a source fails or does not answer, and which did not', async () => {
    const metrics = createMetrics(
      [
        source('sound', async () => [{ labels: { of: 'a' }, value: 7 }]),
        source('failing', async () => Promise.reject(new Error('the database is away'))),
        source('hanging', () => new Promise(() => undefined)),
        { ...source('bare', async () => Promise.reject(new Error('no'))), labels: [] },
      ],
      () => [],
      20,
    );
    const text = await metrics.text();
    expect(text).toContain('sound{of="a"} 7');
    expect(text).toMatch(/^process_cpu_seconds_total \d/m);
    expect(text).not.toMatch(/^(failing|hanging|bare)[{ ]/m);
    expect(text).toContain('drover_metrics_absent{name="failing"} 1');
    expect(text).toContain('drover_metrics_absent{name="hanging"} 1');
    expect(text).not.toContain('drover_metrics_absent{name="sound"}');
  });

  it('forget what a source told before it failed', async () => {
    let fails = false;
    const metrics = createMetrics([
      source('now_and_then', async () =>
        fails ? Promise.reject(new Error('no')) : [{ labels: { of: 'a' }, value: 1 }],
      ),
    ]);
    expect(await metrics.text()).toContain('now_and_then{of="a"} 1');
    fails = true;
    expect(await metrics.text()).not.toContain('now_and_then{of="a"} 1');
    fails = false;
    expect(await metrics.text()).not.toContain('drover_metrics_absent{');
  });
});
