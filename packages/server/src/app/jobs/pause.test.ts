import { describe, expect, it } from 'vitest';
import { backOffMs } from './attempt.js';
import { pause } from './pause.js';

describe('a pause', () => {
  it('ends by itself, or as soon as it is cut short', async () => {
    const abort = new AbortController();
    const started = performance.now();
    await pause(10, abort.signal);
    const long = pause(60_000, abort.signal);
    abort.abort();
    await long;
    await pause(60_000, abort.signal);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('the wait before the next attempt', () => {
  it('doubles up to a minute', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 50].map(backOffMs)).toEqual([2000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });
});
