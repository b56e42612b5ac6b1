import { describe, expect, it } from 'vitest';
import type { BeatForm } from '@drover/contract';
import type { Telemetry } from '../ports.js';
import { createBeats } from './beats.js';

const form: BeatForm = { health: 'ok', checks: [], uptime: 60, image: 'base:1', root: '', offline: false };

function setUp() {
  let now = Date.UTC(2026, 0, 1);
  const pushed: Telemetry[] = [];
  const beats = createBeats({ clock: { now: () => now }, push: (item) => pushed.push(item), everySeconds: 300 });
  return { beats, pushed, wait: (ms: number) => (now += ms) };
}

describe('heartbeats at the boot plane', () => {
  it('are passed on with the moment they came, and the board is told when to come again', () => {
    const { beats, pushed } = setUp();
    expect(beats.take('bs_1', form)).toEqual({ kind: 'granted', value: { every: 300 } });
    expect(pushed).toEqual([
      {
        kind: 'beat',
        session: 'bs_1',
        at: '2026-01-01T00:00:00.000Z',
        beat: { health: 'ok', checks: [], uptimeSeconds: 60, image: 'base:1', root: null, offline: false },
      },
    ]);
  });

  it('that come too soon are refused and not passed on, those of another board are', () => {
    const { beats, pushed, wait } = setUp();
    beats.take('bs_1', form);
    wait(4_999);
    expect(beats.take('bs_1', form)).toMatchObject({ kind: 'not-ready', retryAfter: 5 });
    expect(beats.take('bs_2', form).kind).toBe('granted');
    wait(1);
    expect(beats.take('bs_1', form).kind).toBe('granted');
    expect(pushed.map((each) => each.kind === 'beat' && each.session)).toEqual(['bs_1', 'bs_2', 'bs_1']);
  });
});
