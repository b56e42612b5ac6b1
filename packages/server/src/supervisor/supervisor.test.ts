import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBackOff } from './back-off.js';
import { takeLock } from './lock.js';
import { prettyLine, redactLine } from './log.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-supervisor-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the lock of a data folder', () => {
  it('is held by one, named to the other, and free after release', async () => {
    const lock = await takeLock(folder, 'server', 0);
    await expect(takeLock(folder, 'server', 0)).rejects.toThrow(
      `${folder} is in use by another drover server (process ${process.pid})`,
    );
    (await takeLock(folder, 'boot-plane', 0)).release();
    lock.release();
    (await takeLock(folder, 'server', 0)).release();
  });

  it('is waited for', async () => {
    const lock = await takeLock(folder, 'server', 0);
    const waiting = takeLock(folder, 'server', 5000);
    setTimeout(() => {
      lock.release();
    }, 150);
    (await waiting).release();
  });
});

describe('a plane that falls', () => {
  it('is started again at once, then later and later, and at once again after a good run', () => {
    const backOff = createBackOff();
    const delays: number[] = [];
    let now = 0;
    for (let i = 0; i < 9; i += 1) {
      backOff.started(now);
      delays.push(backOff.nextDelay((now += 100)));
    }
    expect(delays).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
    backOff.started(now);
    expect(backOff.nextDelay(now + 61_000)).toBe(200);
  });
});

describe('the log', () => {
  it('holds no key and no secret, wherever they come from', () => {
    const key = `drv_${'aB3_-'.repeat(8)}xyz`;
    const line = redactLine(
      `{"msg":"x","header":"Bearer ${key}","cmdline":"quiet drover.secret=0123456789abcdef0123456789abcdef drover.mode=ram","auth":"Secret 0123456789abcdef0123456789abcdef"}`,
    );
    expect(line).not.toContain('aB3_');
    expect(line).not.toContain('0123456789abcdef');
    expect(line).toContain('drover.mode=ram');
  });

  it('is a line for people on a terminal, with the stack of an error', () => {
    const line = JSON.stringify({ level: 40, time: '2026-11-22T12:00:00.123Z', plane: 'boot', port: 69, msg: 'busy' });
    expect(prettyLine(line)).toBe('12:00:00.123 WARN boot: busy port=69\n');
    expect(prettyLine(JSON.stringify({ level: 50, msg: 'x', err: { stack: 'Error: y\n  at z' } }))).toContain(
      '\nError: y\n  at z\n',
    );
  });
});
