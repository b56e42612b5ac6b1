import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { playedSteps } from '../../src/index.js';
import { createRuntimeLab, type Played, type RuntimeLab } from '../support/runtime-lab.js';

// The same stand-in for a server that the real scripts of device/ are tested against (e2e/device.test.ts), and the same expectations.

let lab: RuntimeLab;
beforeAll(async () => {
  lab = await createRuntimeLab();
});
afterAll(() => lab.dispose());

/** Steps in the order in which they were reported as done. */
const done = ({ server }: Played): string[] =>
  server.reports.filter(({ state, log }) => state === 'ok' && log === undefined).map(({ step }) => step);

const reportOf = ({ server }: Played, step: string, state: string) =>
  server.reports.find((report) => report.step === step && report.state === state && report.log === undefined);

describe('the played runtime', () => {
  it('does every step, reports it, and is up', async () => {
    const played = await lab.play();
    expect(played.outcome).toEqual({ ok: true, message: `session ${played.server.session}` });
    expect(done(played)).toEqual(playedSteps);
    const { reports } = played.server;
    expect(reportOf(played, 'start', 'start')?.credential).toBe('secret');
    expect(reportOf(played, 'up', 'ok')?.credential).toBe('session');
    expect(reportOf(played, 'network', 'ok')?.message).toBe('127.16.0.9 on eth0 (dc:a6:32:cd:f0:3d)');
    const uptimes = reports.map(({ uptime }) => uptime);
    expect(uptimes).toEqual([...uptimes].sort((a, b) => a - b));
    const log = reports.find((report) => report.log === 'kernel');
    expect(log?.body).toContain('Raspberry Pi 4 Model B');
    expect(log?.body).not.toContain(played.server.secret);
    expect(played.said.join('\n')).toMatch(/identity sha256 [0-9a-f]{64}/);
  });

  it('waits for a root that is being made, with one nonce', async () => {
    const played = await lab.play({ server: { notReady: 3 } });
    expect(played.outcome.ok).toBe(true);
    expect(played.server.nonces).toHaveLength(4);
    expect(new Set(played.server.nonces).size).toBe(1);
    const waiting = played.server.reports.filter(({ step, state }) => step === 'exchange' && state === 'progress');
    expect(waiting.map(({ message }) => message)).toEqual([
      'waiting for the root to be made (HTTP 503: packing: 10 %)',
    ]);
  });

  it('goes on with a download that is cut', async () => {
    const played = await lab.play({ server: { cutAfter: [0.5, 0.2] } });
    expect(played.outcome.ok).toBe(true);
    expect(played.server.ranges[0]).toBe('');
    expect(played.server.ranges.slice(1).every((range) => /^bytes=\d+-$/.test(range))).toBe(true);
    expect(played.server.ranges).toHaveLength(3);
  });

  it('fetches wrong bytes once more, not twice', async () => {
    expect((await lab.play({ server: { corrupt: 1 } })).outcome.ok).toBe(true);
    const twice = await lab.play({ server: { corrupt: 2 } });
    expect(twice.outcome).toMatchObject({ ok: false, reason: 'verify' });
    expect(reportOf(twice, 'verify', 'failed')?.message).toMatch(/sha256 is [0-9a-f]{64}, not [0-9a-f]{64}, twice/);
    expect(twice.server.reports.map(({ log }) => log)).toEqual(expect.arrayContaining(['kernel', 'initramfs']));
  });

  it('asks again when connections are dropped', async () => {
    const played = await lab.play({ server: { dropped: 4 } });
    expect(played.outcome.ok).toBe(true);
    expect(done(played)).toEqual(playedSteps);
  });

  it('restarts after a refusal as the kernel was told, or later than usual', async () => {
    const told = await lab.play({ server: { refuse: true }, cmdline: 'panic=3' });
    expect(told.outcome).toMatchObject({ ok: false, reason: 'exchange', restartAfterMs: 3000 });
    expect(reportOf(told, 'exchange', 'failed')?.message).toContain('The secret was used by another board.');
    const { outcome } = await lab.play({ server: { refuse: true } });
    expect(outcome.ok ? 0 : outcome.restartAfterMs).toBeGreaterThanOrEqual(60_000);
    expect((await lab.play({ server: { refuse: true }, cmdline: 'panic=-1' })).outcome).toMatchObject({
      restartAfterMs: 0,
    });
  });

  it('gives up on a server that is away when its patience is over', async () => {
    const { outcome } = await lab.play({ away: true, cmdline: 'drover.patience=20' });
    expect(outcome).toMatchObject({
      ok: false,
      reason: 'clock',
      message: expect.stringContaining('no answer') as string,
    });
  });

  it('cannot begin without parameters', async () => {
    const { outcome } = await lab.play({ cmdline: 'drover.secret=none' });
    expect(outcome).toMatchObject({ ok: false, reason: 'start' });
  });

  it('ends when it is switched off', async () => {
    const off = new AbortController();
    const playing = lab.play({ server: { notReady: 1000 }, signal: off.signal });
    setTimeout(() => off.abort(new Error('switched off')), 50);
    await expect(playing).rejects.toThrow('switched off');
  });
});

describe('what may be made to go wrong', () => {
  it('the secret is used by somebody else too', async () => {
    const { server } = await lab.play({ board: { reuseSecret: true } });
    expect(server.nonces).toHaveLength(2);
    expect(new Set(server.nonces).size).toBe(2);
  });

  it.each(playedSteps)('it falls silent after %s', async (step) => {
    const played = await lab.play({ board: { stopAfter: step } });
    expect(played.outcome).toEqual({ ok: false, reason: 'stopped', message: `told to fall silent after ${step}` });
    // What happens before there is a network waits for it.
    const told = ['start', 'modules'].includes(step) ? [] : playedSteps.slice(0, playedSteps.indexOf(step) + 1);
    expect(done(played)).toEqual(told);
  });

  it.each(['network', 'mount', 'switch', 'up'] as const)('it fails at %s and says so', async (step) => {
    const played = await lab.play({ board: { failAt: step } });
    expect(played.outcome).toMatchObject({ ok: false, reason: step });
    // Without a network there is nobody to tell.
    expect(reportOf(played, step, 'failed') !== undefined).toBe(step !== 'network');
  });
});
