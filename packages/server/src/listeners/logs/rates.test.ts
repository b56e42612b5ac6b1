import { describe, expect, it } from 'vitest';
import { createRateLimit } from './rates.js';

const rates = { perAddress: 10, burst: 20, total: 100, totalBurst: 50 };
const admitted = (limit: ReturnType<typeof createRateLimit>, address: string, tries: number, now: number): number =>
  Array.from({ length: tries }, () => limit.admits(address, now)).filter(Boolean).length;

describe('the rate of log datagrams', () => {
  it('is bounded for each address, which earns it back', () => {
    const limit = createRateLimit(rates);
    expect(admitted(limit, 'a', 100, 1000)).toBe(20);
    expect(admitted(limit, 'b', 5, 1000)).toBe(5);
    expect(admitted(limit, 'a', 100, 1500)).toBe(5);
    expect(admitted(limit, 'a', 100, 60_000)).toBe(20);
  });

  it('is bounded for all together, however many addresses are made up', () => {
    const limit = createRateLimit(rates, 8);
    const sum = Array.from({ length: 1000 }, (_, i) => admitted(limit, `10.0.${i}`, 1, 1000)).reduce((a, b) => a + b);
    expect(sum).toBe(50);
  });
});
