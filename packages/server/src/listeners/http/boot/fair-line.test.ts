import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createFairLine } from './fair-line.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Sends pieces one after the other, with a pause of its own between them; what it has sent is in `sent`. */
function transfer(line: ReturnType<typeof createFairLine>, pauseMs = 0) {
  const own = { sent: 0, stopped: false };
  const run = async (): Promise<void> => {
    while (!own.stopped) {
      await line.pass(line.piece);
      own.sent += line.piece;
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  void run();
  return own;
}

it('is shared by all that want it, and no faster than it is', async () => {
  const line = createFairLine(1_000_000);
  const all = Array.from({ length: 10 }, () => transfer(line));
  await vi.advanceTimersByTimeAsync(10_000);
  const sent = all.map((each) => each.sent);
  const total = sent.reduce((sum, each) => sum + each, 0);
  expect(total).toBeGreaterThan(9_800_000);
  expect(total).toBeLessThan(10_300_000);
  expect(Math.max(...sent) - Math.min(...sent)).toBeLessThanOrEqual(line.piece);
  for (const each of all) each.stopped = true;
});

it('gives what a slow one leaves to the others', async () => {
  const line = createFairLine(1_000_000);
  const slow = transfer(line, 1000);
  const fast = transfer(line);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(slow.sent).toBeLessThan(600_000);
  expect(slow.sent).toBeGreaterThan(300_000);
  expect(fast.sent).toBeGreaterThan(9_000_000);
  slow.stopped = true;
  fast.stopped = true;
});

it('makes up for nothing after a pause', async () => {
  const line = createFairLine(1_000_000);
  const early = transfer(line);
  await vi.advanceTimersByTimeAsync(1000);
  early.stopped = true;
  await vi.advanceTimersByTimeAsync(60_000);
  const late = transfer(line);
  await vi.advanceTimersByTimeAsync(1000);
  expect(late.sent).toBeLessThan(1_200_000);
  late.stopped = true;
});

it.each([
  [1, 16 * 1024],
  [2_000_000, 100_000],
  [1e12, 1024 * 1024],
])('of %i bytes a second has turns of %i bytes', (rate, piece) => {
  expect(createFairLine(rate).piece).toBe(piece);
});
