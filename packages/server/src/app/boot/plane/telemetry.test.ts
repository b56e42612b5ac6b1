import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Telemetry } from '../ports.js';
import { silentLog } from '../../../../test/boot/log.js';
import { createTelemetryQueue } from './telemetry.js';

const item = (n: number): Telemetry => ({
  kind: 'entry',
  session: 's',
  device: null,
  entry: { type: 'report', at: '2026-01-01T00:00:00.000Z', step: `s${n}`, state: 'ok', message: '' },
});
const opened: Telemetry = {
  kind: 'opened',
  opened: { id: 's', device: 'd', wire: { site: 'x', firmware: 'ee', isPi: true }, generation: 1, openedAt: 0 },
};

const beatOf = (session: string, uptimeSeconds: number): Telemetry => ({
  kind: 'beat',
  session,
  at: '2026-01-01T00:00:00.000Z',
  beat: { health: 'ok', checks: [], uptimeSeconds, image: null, root: null, offline: false },
});
const heardOf = (session: string): Telemetry => ({ kind: 'heard', session, at: '2026-01-01T00:00:00.000Z' });
const nameOf = (each: Telemetry): string => {
  if (each.kind === 'beat') return `${each.session}${each.beat.uptimeSeconds}`;
  if (each.kind === 'heard') return `${each.session} heard`;
  return each.kind === 'entry' && each.entry.type === 'report' ? each.entry.step : each.kind;
};

function queueWith(answer: (batch: string, count: number) => 'ok' | 'away' | 'refused', limits = {}) {
  const sent: { batch: string; steps: string[] }[] = [];
  let batches = 0;
  const queue = createTelemetryQueue({
    backend: {
      telemetry: async (batch, items) => {
        const result = answer(batch, sent.length);
        sent.push({
          batch,
          steps: items.map(nameOf),
        });
        if (result !== 'ok') throw new Error(result);
        return { revoked: ['r'] };
      },
    },
    log: silentLog,
    batchId: () => `b${(batches += 1)}`,
    isHopeless: (error) => (error as Error).message === 'refused',
    onReply: () => undefined,
    limits,
  });
  return { queue, sent };
}

describe('telling the control plane', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('gathers what comes within a moment into one batch', async () => {
    const { queue, sent } = queueWith(() => 'ok');
    for (let i = 0; i < 5; i += 1) queue.push(item(i));
    await vi.advanceTimersByTimeAsync(199);
    expect(sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(sent).toEqual([{ batch: 'b1', steps: ['s0', 's1', 's2', 's3', 's4'] }]);
  });

  it('keeps the last heartbeat of each board while nobody takes them', async () => {
    let isAway = true;
    const { queue, sent } = queueWith(() => (isAway ? 'away' : 'ok'), { batch: 3, retryMs: 10, retryMaxMs: 10 });
    queue.push(item(0));
    await vi.advanceTimersByTimeAsync(200);
    for (let round = 0; round < 50; round += 1)
      for (const session of ['x', 'y', 'z']) queue.push(beatOf(session, round));
    expect(queue.stats()).toMatchObject({ waiting: 4, dropped: 0 });
    isAway = false;
    await vi.advanceTimersByTimeAsync(300);
    expect(sent.slice(-2).map(({ steps }) => steps)).toEqual([['s0'], ['x49', 'y49', 'z49']]);
    expect(queue.stats().waiting).toBe(0);
  });

  it('gathers signs of life for longer, one of each board, unless something else is to be sent', async () => {
    const { queue, sent } = queueWith(() => 'ok');
    for (const session of ['x', 'y', 'x']) queue.push(heardOf(session));
    await vi.advanceTimersByTimeAsync(1_999);
    expect(sent).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(sent.map(({ steps }) => steps)).toEqual([['x heard', 'y heard']]);
    queue.push(heardOf('x'));
    await vi.advanceTimersByTimeAsync(100);
    queue.push(item(0));
    queue.push(heardOf('y'));
    await vi.advanceTimersByTimeAsync(200);
    expect(sent.at(-1)?.steps).toEqual(['s0', 'x heard', 'y heard']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toHaveLength(2);
  });

  it('sends a full batch at once, and no batch is fuller', async () => {
    const { queue, sent } = queueWith(() => 'ok', { batch: 3 });
    for (let i = 0; i < 7; i += 1) queue.push(item(i));
    await vi.advanceTimersByTimeAsync(200);
    expect(sent.map(({ steps }) => steps.length)).toEqual([3, 3, 1]);
  });

  it('repeats a batch under its id until it is taken, with others waiting in order', async () => {
    const { queue, sent } = queueWith((_batch, count) => (count < 3 ? 'away' : 'ok'));
    queue.push(item(0));
    await vi.advanceTimersByTimeAsync(200);
    queue.push(item(1));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent.map(({ batch }) => batch)).toEqual(['b1', 'b1', 'b1', 'b1', 'b2']);
    expect(sent.at(-1)?.steps).toEqual(['s1']);
    expect(queue.stats()).toEqual({ waiting: 0, dropped: 0, sent: 2 });
  });

  it('throws away what will never be taken', async () => {
    const { queue, sent } = queueWith((_batch, count) => (count === 0 ? 'refused' : 'ok'));
    queue.push(item(0));
    await vi.advanceTimersByTimeAsync(200);
    queue.push(item(1));
    await vi.advanceTimersByTimeAsync(200);
    expect(sent.map(({ batch }) => batch)).toEqual(['b1', 'b2']);
    expect(queue.stats()).toMatchObject({ dropped: 1, sent: 1 });
  });

  it('keeps only so much while nobody listens, but every opening of a session', async () => {
    const { queue } = queueWith(() => 'away', { waiting: 10, batch: 100 });
    for (let i = 0; i < 15; i += 1) queue.push(item(i));
    queue.push(opened);
    expect(queue.stats()).toEqual({ waiting: 11, dropped: 5, sent: 0 });
    await queue.stop();
  });

  it('sends the rest when it stops', async () => {
    const { queue, sent } = queueWith(() => 'ok');
    queue.push(item(0));
    await queue.stop();
    expect(sent).toHaveLength(1);
  });
});
