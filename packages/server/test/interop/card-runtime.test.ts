import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardShell, type BoardShell, type ShellResult } from './initramfs-shell.js';

// What a board with a self-updating card decides and remembers, in the shell it decides it in. Mounts, restarts and the network are left out.

const execute = promisify(execFile);
const factor = Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? 1);
const seed = Number(process.env['DROVER_TEST_SEED'] ?? 1);

let board: BoardShell;
const at = (name: string): string => join(board.run, name);

beforeEach(async () => {
  board = await createBoardShell();
  await mkdir(at('data/roots'), { recursive: true });
  await mkdir(at('card/drover'), { recursive: true });
  for (const name of ['', 'data', 'data/roots', 'card', 'card/drover']) await chmod(at(name), 0o777);
});
afterEach(() => board.dispose());

const parts = ['base', 'http', 'report', 'fetch', 'clock', 'records', 'sets', 'cache', 'signed', 'trial'];
const prelude = `
card_data=$run/data store_kind=partition step=test patience=0 session=bs_1 clock_not_before=0
card_open() { :; }
card_close() { :; }
sync() { :; }
forget_reads() { :; }
restart_now() { echo "restart $(cat "$run/card/drover/boot.txt" 2>/dev/null | sed -n 's/^os_prefix=//p')"; exit 9; }
restart_tryboot() { echo "tryboot $(sed -n 's/^os_prefix=//p' "$run/card/drover/try.txt")"; exit 9; }
store_program() { shift; signify-openbsd "$@"; }
set_clock() { echo "clock $1"; }
fail() { echo "fail: $1"; exit 8; }
`;
const sh = (script: string): Promise<ShellResult> =>
  board.sh(`${prelude}${script}`, parts, { PATH: `${join(board.dir, 'applets')}:/usr/bin` });
const said = async (script: string): Promise<string> => {
  const { stdout, stderr } = await sh(script);
  expect(stderr).toBe('');
  return stdout.trim();
};

describe('what a card remembers', () => {
  test('is there at the next start, the newest value of each key, and gone when it is emptied', async () => {
    await said('records_open; remember a=1 b=2; records_commit; remember a=3 b=; records_commit');
    expect(await said('records_open; echo "$(remembered a),$(remembered b),$(remembered c)"')).toBe('3,,');
  });

  test('is what it was before or after a write that was cut anywhere', async () => {
    const runs = Math.max(5, Math.round(20 * factor));
    let damaged = 0;
    const moment = fc.record({
      commits: fc.integer({ min: 1, max: 3 }),
      kept: fc.integer({ min: 0, max: 2048 }),
      byte: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(moment, async ({ commits, kept, byte }) => {
        await rm(at('data/record.0'), { force: true });
        await rm(at('data/record.1'), { force: true });
        for (let i = 1; i <= commits; i++) await said(`records_open; remember n=${i}; records_commit`);
        const before = await readFile(at(`data/record.${(commits + 1) % 2}`)).catch(() => Buffer.alloc(2048, byte));
        await said(`records_open; remember n=${commits + 1}; records_commit`);
        const file = at(`data/record.${(commits + 1) % 2}`);
        const after = await readFile(file);
        // Sectors may reach a card in any order, so what is left may be any mix of old and new.
        const torn = Buffer.concat([after.subarray(0, kept), before.subarray(kept)]);
        await writeFile(file, torn);
        const now = await said('records_open; remembered n');
        expect([String(commits), String(commits + 1)]).toContain(now);
        if (now === String(commits)) damaged++;
      }),
      { numRuns: runs, seed },
    );
    console.log(`loop card records torn: ${runs} moments, 0 failures`);
    expect(damaged).toBeGreaterThan(0);
  }, 600_000);

  test('that does not fit is refused, and what was there stays', async () => {
    await said('records_open; remember a=1; records_commit');
    expect((await sh(`records_open; remember a=${'x'.repeat(3000)}; records_commit`)).code).not.toBe(0);
    expect(await said('records_open; remembered a')).toBe('1');
  });
});

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
const boots = { a: digest('old boot'), b: digest('new boot') };
const roots = { old: digest('old root'), new: digest('new root') };

async function putSet(name: 'a' | 'b', boot: string): Promise<void> {
  const folder = at(`card/drover/${name}`);
  await mkdir(folder, { recursive: true });
  const files = { 'cmdline.txt': `console=tty1 drover.boot=${boot}\n`, 'kernel8.img': `kernel of ${boot}` };
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  const sums = Object.entries(files).map(([file, text]) => `${digest(text)}  ${file}\n`);
  await writeFile(join(folder, 'SHA256SUMS'), sums.join(''));
}

async function putCard(): Promise<void> {
  await putSet('a', boots.a);
  await putSet('b', boots.b);
  for (const name of ['boot.txt', 'try.txt']) {
    await writeFile(at(`card/drover/${name}`), 'os_prefix=drover/a/\n'.padEnd(512, '\n'));
    await chmod(at(`card/drover/${name}`), 0o666);
  }
}

describe('the pointer', () => {
  beforeEach(putCard);

  test('names the set in one sector, as the firmware reads it', async () => {
    expect(await said('set_point boot.txt b && set_pointed')).toBe('b');
    const text = await readFile(at('card/drover/boot.txt'), 'latin1');
    expect(text).toHaveLength(512);
    expect(text).toMatch(/^os_prefix=drover\/b\/\ninclude drover\/b\/config\.txt\n/m);
  });

  test.each(['', 'x'.repeat(513)])('of another size is left alone', async (content) => {
    await writeFile(at('card/drover/boot.txt'), content);
    expect((await sh('set_point boot.txt b')).code).not.toBe(0);
    expect(await readFile(at('card/drover/boot.txt'), 'latin1')).toBe(content);
  });

  test('a set is only found whole', async () => {
    expect(await said(`set_of ${boots.b}`)).toBe('b');
    await writeFile(at('card/drover/b/kernel8.img'), 'damaged');
    expect(await said(`set_of ${boots.b} || echo none`)).toBe('none');
  });
});

describe('a trial', () => {
  beforeEach(putCard);
  const good = `good_boot=${boots.a} good_root=${roots.old}`;
  const trial = (method: string, tries: number) =>
    `trial_boot=${boots.b} trial_root=${roots.new} trial_method=${method} trial_tries=${tries}`;
  const start = (running: 'a' | 'b', values: string) =>
    sh(
      `records_open; remember ${values}; records_commit; set_boot=${boots[running]} set_running=${running}; trial_count; echo go`,
    );
  const kept = (key: string) => said(`records_open; remembered ${key}`);

  test('that runs is counted before anything else', async () => {
    expect((await start('b', `${good} ${trial('pointer', 0)}`)).stdout).toBe('go\n');
    expect(await kept('trial_tries')).toBe('1');
  });

  test('whose pointer was not written before a cut is begun again', async () => {
    expect((await start('a', `${good} ${trial('pointer', 0)}`)).stdout).toContain('restart drover/b/');
    expect(await kept('trial_tries')).toBe('1');
  });

  test('that the firmware was asked for was counted then', async () => {
    expect((await start('b', `${good} ${trial('tryboot', 1)}`)).stdout).toBe('go\n');
    expect(await kept('trial_tries')).toBe('1');
  });

  test('that the firmware went back from is tried again, and the pointer stays', async () => {
    expect((await start('a', `${good} ${trial('tryboot', 1)}`)).stdout).toContain('tryboot drover/b/');
    expect(await readFile(at('card/drover/boot.txt'), 'latin1')).toContain('os_prefix=drover/a/');
  });

  test('is given up after three tries: the pointer goes back, and the pair is remembered as bad', async () => {
    await said('set_point boot.txt b');
    expect((await start('b', `${good} ${trial('pointer', 3)}`)).stdout).toContain('restart drover/a/');
    expect(await kept('bad_root')).toBe(roots.new);
    expect(await kept('trial_root')).toBe('');
  });

  test('of the first root ever is never given up: there is nothing to go back to', async () => {
    expect((await start('b', trial('root', 7))).stdout).toBe('go\n');
  });

  test('whose set was damaged since is dropped', async () => {
    await writeFile(at('card/drover/b/kernel8.img'), 'damaged');
    expect((await start('a', `${good} ${trial('pointer', 0)}`)).stdout).toBe('go\n');
    expect(await kept('trial_root')).toBe('');
  });

  test('that came up is the good pair from then on; with tryboot the firmware is told then', async () => {
    await said(`records_open; remember ${good} ${trial('tryboot', 1)}; records_commit
      set_boot=${boots.b} set_running=b; trial_good ${roots.new}`);
    expect([await kept('good_root'), await kept('good_boot'), await kept('previous_root')]).toEqual([
      roots.new,
      boots.b,
      roots.old,
    ]);
    expect(await readFile(at('card/drover/boot.txt'), 'latin1')).toContain('os_prefix=drover/b/');
  });

  test('that came up without a server does not count', async () => {
    await said(`records_open; remember ${good} ${trial('pointer', 2)}; records_commit; trial_excuse`);
    expect(await kept('trial_tries')).toBe('1');
  });
});

describe('a signed answer', () => {
  const nonce = '0123456789abcdef0123456789abcdef';
  const lines = (values: Record<string, string> = {}): string =>
    Object.entries({
      ...{ card: '1', device: 'dev_1', version: '7', nonce, time: '1800000000', hostname: 'herd-7' },
      ...{ overlaySize: '50%', image: 'base:2', rootSha256: roots.new, rootSize: '1000', bootId: boots.b },
      ...{ bootSha256: digest('set'), bootSize: '2000', configSha256: digest('{}'), configSize: '10' },
      ...values,
    })
      .map(([key, value]) => `${key}=${value}\n`)
      .join('');

  async function key(name: string): Promise<void> {
    await execute('signify-openbsd', [
      ...['-G', '-n', '-p', join(board.dir, `${name}.pub`), '-s', join(board.dir, `${name}.sec`)],
      ...['-c', 'drover'],
    ]);
  }
  async function sign(name: string, text: string): Promise<void> {
    await writeFile(at('message'), text);
    await execute('signify-openbsd', [
      ...['-S', '-e', '-s', join(board.dir, `${name}.sec`), '-m', at('message'), '-x', at('answer')],
    ]);
    await chmod(at('answer'), 0o644);
  }
  beforeEach(async () => {
    await key('card');
    await cp(join(board.dir, 'card.pub'), at('card.pub'));
  });
  const check = (remembered = 'a=1') =>
    said(`records_open; remember ${remembered}; signed_nonce=${nonce}
      if signed_check "$run/answer"; then signed_accept; echo "taken $want_root $want_version"; else echo "$signed_why"; fi`);

  test('with the card’s key is taken, and so is its time', async () => {
    await sign('card', lines());
    expect(await check()).toBe(`clock 1800000000\ntaken ${roots.new} 7`);
  });

  test('is refused when a byte of it is another', async () => {
    await sign('card', lines());
    await writeFile(at('answer'), (await readFile(at('answer'), 'latin1')).replace('rootSize=1000', 'rootSize=1001'));
    expect(await check()).toContain('not signed with the key on this card');
  });

  test('is refused from another key', async () => {
    await key('other');
    await sign('other', lines());
    expect(await check()).toContain('not signed with the key on this card');
  });

  test('to another question is a replay', async () => {
    await sign('card', lines({ nonce: 'f'.repeat(32) }));
    expect(await check()).toContain('somebody replays it');
  });

  test('that is older than one the card has seen is refused', async () => {
    await sign('card', lines());
    expect(await check('version=8')).toContain('version 7 after 8');
  });

  test('with a time before one the card has seen is taken, its time is not', async () => {
    await sign('card', lines());
    expect(await check('time=1900000000')).toBe(`taken ${roots.new} 7`);
  });

  test.each([
    ['rootSha256', 'nonsense'],
    ['rootSize', '-1'],
    ['hostname', '-rf'],
    ['overlaySize', '50%,exec'],
    ['bootSize', ''],
  ])('with %s=%s is refused by that name', async (name, value) => {
    await sign('card', lines({ [name]: value }));
    expect(await check()).toContain(`no usable ${name}`);
  });

  test('an announced key is accepted from then on, also when it is no more announced, until a card’s own signs again', async () => {
    await key('next');
    const next = (await readFile(join(board.dir, 'next.pub'), 'latin1')).split('\n')[1] ?? '';
    const through = (remembered: string) =>
      said(`records_open; remember ${remembered}; signed_nonce=${nonce}
        signed_check "$run/answer" && signed_accept >/dev/null; echo "<$(remembered next_key)>"`);
    await sign('card', lines({ nextKey: next }));
    expect(await through('a=1')).toBe(`<${next}>`);
    await sign('next', lines());
    expect(await through(`next_key=${next}`)).toBe(`<${next}>`);
    await sign('card', lines());
    expect(await through(`next_key=${next}`)).toBe('<>');
  });
});

describe('the cache', () => {
  const put = async (name: string, text: string): Promise<void> => {
    await writeFile(at(`data/roots/${name}`), text);
    await chmod(at(`data/roots/${name}`), 0o666);
  };

  test('gives a root that is right, and removes one that is damaged', async () => {
    await put(`${roots.old}.squashfs`, 'old root');
    await put(`${roots.new}.squashfs`, 'new r00t');
    expect(await said(`records_open; cache_has ${roots.old} && echo right; cache_has ${roots.new} || echo gone`)).toBe(
      'right\ngone',
    );
    expect(await said(`cache_known`)).toBe(roots.old);
  });

  test('keeps the last good root whatever is wanted', async () => {
    for (const name of [`${roots.old}.squashfs`, `${digest('third')}.squashfs`, `${digest('fourth')}.part`])
      await put(name, 'x');
    const left = await said(`want_boot_digest=${boots.b}; records_open; remember good_root=${roots.old}
      df() { echo 'x 0 0 0'; }
      cache_room 5000000 ${roots.new} || echo "$cache_why"; ls "$card_data/roots"`);
    expect(left).toBe(
      `no room on the card: the root takes 5 MB, 0 MB are free. Use a larger card or a smaller image.\n${roots.old}.squashfs`,
    );
  });
});

describe('a start without the server', () => {
  const offline = (time: string): Promise<string> =>
    said(`. "$lib/offline.sh"; records_open; remember time=${time}; offline_clock`);

  test('is at no time before one that the server signed', async () => {
    expect(await offline('4102444800')).toBe('clock 4102444800');
    for (const time of ['1000000000', '', 'soon']) expect(await offline(time)).toBe('');
  });
});
