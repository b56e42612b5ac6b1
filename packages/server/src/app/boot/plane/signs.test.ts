import { describe, expect, it } from 'vitest';
import type { Telemetry } from '../ports.js';
import { createSigns, signEveryMs } from './signs.js';

describe('signs of life at the boot plane', () => {
  it('are passed on with their moment, of each board once in a while', () => {
    let now = Date.UTC(2026, 0, 1);
    const pushed: Telemetry[] = [];
    const signs = createSigns({ clock: { now: () => now }, push: (item) => pushed.push(item) });
    signs.heard('bs_1');
    now += signEveryMs - 1;
    signs.heard('bs_1');
    signs.heard('bs_2');
    now += 1;
    signs.heard('bs_1');
    expect(pushed).toEqual([
      { kind: 'heard', session: 'bs_1', at: '2026-01-01T00:00:00.000Z' },
      { kind: 'heard', session: 'bs_2', at: '2026-01-01T00:00:09.999Z' },
      { kind: 'heard', session: 'bs_1', at: '2026-01-01T00:00:10.000Z' },
    ]);
  });
});
