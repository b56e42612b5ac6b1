import { chmod, cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BeatForm } from '@drover/contract';
import { createBoardShell, createLoopbackServer, type BoardShell, type LoopbackServer } from './initramfs-shell.js';

// What the agent of a board that runs from its card tells of its health: its scripts against a server that writes down what comes.

interface Told {
  readonly what: string;
  readonly text: string;
}

let board: BoardShell;
let server: LoopbackServer;
let told: Told[];
let answer: { status: number; text: string };
const at = (name: string): string => join(board.dir, name);
const root = 'a'.repeat(64);

beforeEach(async () => {
  board = await createBoardShell();
  told = [];
  answer = { status: 200, text: 'every=300\n' };
  server = await createLoopbackServer((request, body, response) => {
    const url = new URL(request.url ?? '', 'http://board');
    const what = `${request.method} ${url.pathname} ${request.headers.authorization}`;
    const isBeat = url.pathname.endsWith('/beat');
    told.push({ what, text: isBeat ? body : (url.searchParams.get('message') ?? '') });
    if (isBeat) response.writeHead(answer.status).end(answer.text);
    else response.writeHead(204).end();
  });
  await mkdir(at('health.d'));
  await writeFile(at('device/lib/version'), 'not_before=1700000000\n');
  await state({});
});
afterEach(async () => {
  await server.close();
  await board.dispose();
});

async function state(more: Record<string, string>): Promise<void> {
  const values = {
    session: 'bs_1',
    credential: 'c.d',
    url: server.url,
    init: 'busybox',
    root,
    image: 'base:2',
    ...more,
  };
  const lines = Object.entries(values).map(([key, value]) => `${key}=${value}\n`);
  await writeFile(join(board.run, 'state'), lines.join(''));
}
async function check(name: string, script: string): Promise<void> {
  await writeFile(at(`health.d/${name}`), `#!/bin/busybox sh\n${script}\n`);
  await chmod(at(`health.d/${name}`), 0o755);
}

const parts = ['base', 'http', 'report', 'health', 'beat', 'agent'];
/** So many turns, and how long the board rests after each. `between` is done before the second. */
async function turns(count: number, between = ':'): Promise<number[]> {
  const script = `
    here=$run state=$run/state health_folder=${at('health.d')} turn=0
    sleep() { echo "$1"; turn=$((turn + 1)); [ "$turn" != 1 ] || ${between}; [ "$turn" -lt ${count} ] || state=$run/gone; }
    beat_run`;
  const { stdout, stderr, code } = await board.sh(script, parts);
  expect([stderr, code]).toEqual(['', 0]);
  return stdout.trim().split('\n').map(Number);
}
const beats = () =>
  told.filter(({ what }) => what.includes('/beat')).map(({ text }) => Object.fromEntries(new URLSearchParams(text)));

describe('a board that runs from its card', () => {
  test('tells that it is well, what it runs and since when, with its credential', async () => {
    await turns(1);
    expect(told.map(({ what }) => what)).toEqual(['POST /device/v1/sessions/bs_1/beat Bearer c.d']);
    const [beat] = beats();
    expect(beat).toMatchObject({ health: 'ok', checks: '', image: 'base:2', root, offline: 'no' });
    expect(Number(beat?.['uptime'])).toBeGreaterThan(0);
    expect(BeatForm.parse(beat)).toMatchObject({ health: 'ok', checks: [], offline: false });
  });

  test('that started without the server says so', async () => {
    await state({ source: 'card', image: '' });
    await turns(1);
    expect(BeatForm.parse(beats()[0])).toMatchObject({ offline: true, image: '' });
  });

  test('tells which checks fail, in each heartbeat, and what is wrong once, on the timeline', async () => {
    await check('10-disk', 'echo "it is full"; exit 1');
    await check('20-player', 'exit 0');
    await check('30 odd;name', 'exit 3');
    await turns(2);
    const [first, second] = beats().map((beat) => BeatForm.parse(beat));
    expect(first).toMatchObject({ health: 'failing', checks: ['10-disk', '30_odd_name'] });
    expect(second?.checks).toEqual(first?.checks);
    const said = told.filter(({ what }) => what.includes('/reports'));
    expect(said.map(({ text }) => text)).toEqual(['failing: 10-disk: it is full; 30 odd;name: ']);
  });

  test('tells when it is well again', async () => {
    await check('10-disk', `[ -e ${at('run/mended')} ]`);
    await turns(2, ': >"$here/mended"');
    expect(beats().map(({ health }) => health)).toEqual(['failing', 'ok']);
  });

  test('with more failing checks than the server takes tells as many as it does', async () => {
    for (let n = 10; n < 40; n += 1) await check(`${n}-${'x'.repeat(80)}`, 'exit 1');
    await turns(1);
    expect(BeatForm.parse(beats()[0]).checks).toHaveLength(16);
  });

  test.each([
    ['every=60\n', 60],
    ['every=86400\n', 86_400],
    ['every=0\n', 300],
    ['every=999999999\n', 300],
    ['every=$(reboot)\n', 300],
    ['', 300],
  ])('comes again when the server wants it to: %j', async (text, every) => {
    answer = { status: 200, text };
    const [rest = 0] = await turns(1);
    expect(rest).toBeGreaterThanOrEqual(every);
    expect(rest).toBeLessThan(every * (4 / 3));
  });

  test('goes on when it is refused, and when nobody is there', async () => {
    answer = { status: 403, text: 'no' };
    expect(await turns(2)).toHaveLength(2);
    expect(beats()).toHaveLength(2);
    await server.close();
    expect(await turns(2)).toHaveLength(2);
  });

  test('does so as the agent runs, beside its updates', async () => {
    // The agent is where it is on a board: with programs in bin, and a state of its own.
    await symlink(at('applets'), at('device/bin'));
    await cp(join(board.run, 'state'), at('device/state'));
    await mkdir(at('device/agent'));
    await chmod(at('device/agent'), 0o777);
    // As systemd ends it: with all that it started.
    const ended = board.sh(`setsid sh "$lib/agent" run >/dev/null 2>&1 </dev/null & agent=$!
      until [ -e "$lib/../agent/beat/http.head" ]; do sleep 1; done
      sleep 1; kill -- "-$agent"; wait "$agent"; echo "ended with $?"`);
    expect((await ended).stdout).toBe('ended with 143\n');
    expect(beats()).toMatchObject([{ health: 'ok', root }]);
  });

  test('waits until the server knows of its boot', async () => {
    await rm(join(board.run, 'state'));
    await writeFile(join(board.run, 'state'), 'session=\n');
    const [rest = 0] = await turns(1);
    expect(rest).toBeLessThan(90);
    expect(told).toEqual([]);
  });
});
