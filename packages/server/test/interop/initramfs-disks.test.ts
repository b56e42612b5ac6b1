import { mkdir, readdir, readFile, readlink, writeFile, chmod, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardShell, createLoopbackServer, type BoardShell } from './initramfs-shell.js';

// What a running board does with its list of data disks, in busybox's shell. Only the kernel's part (nbd-attach) is played: a device is there
// while it has a `pid`, as in the kernel's sysfs. The real one is in e2e.

let board: BoardShell;
beforeEach(async () => {
  board = await createBoardShell();
  for (const folder of ['run/has', 'run/names', 'dev', 'sys/block']) {
    await mkdir(join(board.dir, folder), { recursive: true });
    await chmod(join(board.dir, folder), 0o777);
  }
});
afterEach(() => board.dispose());

const kernel = `
dev=$run/../dev
state=$run/queue
files=$run/files
session=bs_1
reporting=''
nbd_start() {
  if [ -e "$run/refuse" ]; then nbd_why='refused: no such export'; nbd_code=3; return 1; fi
  echo "attach $1 $2 $3 $4" >>"$run/did"
  mkdir -p "$sys/block/nbd$1/nbd$1p1"
  echo 1 >"$sys/block/nbd$1/pid"
  : >"$dev/nbd$1"
  nbd_pid=999999
}
perl_run() {
  echo "$2 $3" >>"$run/did"
  [ "$2" = --drop ] || [ ! -e "$run/busy" ] || return 4
  rm -f "$sys/block/nbd$3/pid"
}
`;
const parts = ['base', 'http', 'report', 'fetch', 'files', 'disks'];
const line = (id: string, name: string, state = 'keep') => `disk=${id}:${name}:rw:${state}:bs_1.${id}.token`;
const list = (...lines: string[]) =>
  ['version=00ff', 'port=10809', `secret=${'a'.repeat(32)}`, ...lines, ''].join('\n');

const apply = async (text: string): Promise<{ ok: boolean; busy: string }> => {
  await writeFile(join(board.run, 'answer'), text);
  const { stdout, stderr } = await board.sh(
    `${kernel}if disks_apply "$run/answer"; then echo "ok $disks_busy"; else echo "not $disks_busy"; fi`,
    parts,
  );
  expect(stderr).toBe('');
  const [word = '', busy = ''] = stdout.trim().split(' ');
  return { ok: word === 'ok', busy };
};
const did = async () => {
  const path = join(board.run, 'did');
  const text = await readFile(path, 'utf8').catch(() => '');
  await rm(path, { force: true });
  return text.split('\n').filter(Boolean);
};
const links = async (): Promise<Record<string, string>> => {
  const folder = join(board.dir, 'dev/disk/by-id');
  const names = await readdir(folder).catch((): string[] => []);
  const found: Record<string, string> = {};
  for (const name of names) found[name] = await readlink(join(folder, name));
  return found;
};

describe('a list of disks', () => {
  test('is attached, with names for disks and their partitions, once', async () => {
    expect(await apply(list(line('dsk_A', 'media'), line('dsk_B', 'logs')))).toEqual({ ok: true, busy: '' });
    expect(await did()).toEqual([
      `attach 1 10809 bs_1.dsk_A.token ${'a'.repeat(32)}`,
      `attach 2 10809 bs_1.dsk_B.token ${'a'.repeat(32)}`,
    ]);
    expect(await links()).toEqual({
      'drover-media': '../../nbd1',
      'drover-media-part1': '../../nbd1p1',
      'drover-logs': '../../nbd2',
      'drover-logs-part1': '../../nbd2p1',
    });
    await apply(list(line('dsk_A', 'media'), line('dsk_B', 'logs')));
    expect(await did()).toEqual([]);
  });

  test('follows a new name', async () => {
    await apply(list(line('dsk_A', 'media')));
    await apply(list(line('dsk_A', 'films')));
    expect(await links()).toEqual({ 'drover-films': '../../nbd1', 'drover-films-part1': '../../nbd1p1' });
    expect(await readFile(join(board.run, 'names/nbd1'), 'utf8')).toBe('films\n');
  });

  test('is let go of when that is asked, unless it is in use', async () => {
    await apply(list(line('dsk_A', 'media')));
    await did();
    await writeFile(join(board.run, 'busy'), '');
    expect(await apply(list(line('dsk_A', 'media', 'leave')))).toEqual({ ok: true, busy: 'dsk_A,' });
    expect(await links()).toHaveProperty('drover-media');
    await rm(join(board.run, 'busy'));
    expect(await apply(list(line('dsk_A', 'media', 'leave')))).toEqual({ ok: true, busy: '' });
    expect(await did()).toEqual(['--detach 1', '--detach 1']);
    expect(await links()).toEqual({});
    expect(await readdir(join(board.run, 'has'))).toEqual([]);
  });

  test('that has lost one has it dropped, in use or not, and its device is free again', async () => {
    await apply(list(line('dsk_A', 'media'), line('dsk_B', 'logs')));
    await did();
    await writeFile(join(board.run, 'busy'), '');
    expect(await apply(list(line('dsk_B', 'logs'), line('dsk_C', 'more')))).toMatchObject({ ok: true });
    expect(await did()).toEqual([expect.stringMatching(/^attach 3 /), '--drop 1']);
    expect(Object.keys(await links()).sort()).toEqual([
      'drover-logs',
      'drover-logs-part1',
      'drover-more',
      'drover-more-part1',
    ]);
    await apply(list(line('dsk_B', 'logs'), line('dsk_C', 'more'), line('dsk_D', 'again')));
    expect(await did()).toEqual([expect.stringMatching(/^attach 1 /)]);
  });

  test('is attached anew where somebody else has disconnected it', async () => {
    await apply(list(line('dsk_A', 'media')));
    await did();
    await rm(join(board.dir, 'sys/block/nbd1/pid'));
    await apply(list(line('dsk_A', 'media')));
    expect(await did()).toEqual([expect.stringMatching(/^attach 1 /)]);
  });

  test('with one that cannot be attached has the others, and is not done', async () => {
    await apply(list(line('dsk_A', 'media')));
    await writeFile(join(board.run, 'refuse'), '');
    expect(await apply(list(line('dsk_A', 'media'), line('dsk_B', 'logs')))).toEqual({ ok: false, busy: '' });
    expect(Object.keys(await links())).toEqual(['drover-media', 'drover-media-part1']);
    expect(await readdir(join(board.run, 'names'))).toEqual(['nbd1']);
    expect(await readFile(join(board.run, 'queue'), 'utf8')).toContain('disk info');
  });

  test.each([
    'disk=../../etc:media:rw:keep:x',
    'disk=dsk_A:../media:rw:keep:x',
    'disk=dsk_A:media:rw:keep',
    'disk=dsk_A:media:rw:keep:x:y',
    'disk=dsk_A:$(reboot):rw:keep:x',
    'disk=dsk_A:a b:rw:keep:x',
    'disk=',
  ])('is not trusted: %j', async (bad) => {
    await apply(list(line('dsk_B', 'logs')));
    await did();
    expect((await apply(list(bad))).ok).toBe(false);
    expect(await did()).toEqual([]);
    expect(Object.keys(await links())).toEqual(['drover-logs', 'drover-logs-part1']);
  });

  test('without a version is no list, and nothing is dropped for it', async () => {
    await apply(list(line('dsk_A', 'media')));
    await did();
    expect((await apply('port=10809\n')).ok).toBe(false);
    expect((await apply('')).ok).toBe(false);
    expect(await did()).toEqual([]);
  });
});

test('a board follows its list: it says what it has, and asks again at once', async () => {
  const asked: string[] = [];
  const held: ServerResponse[] = [];
  const server = await createLoopbackServer((request, _body, response) => {
    asked.push(request.url ?? '');
    if (asked.length === 1) return void response.writeHead(503).end();
    if (asked.length === 2) return void response.end(list(line('dsk_A', 'media')));
    held.push(response);
  });
  const script = `${kernel}http_server ${server.url}; http_auth='Bearer x'; back_off() { echo 0; }; disks_follow & sleep 2; kill $!`;
  await board.sh(script, parts);
  await server.close();
  const path = '/device/v1/sessions/bs_1/disks';
  expect(asked).toEqual([
    `${path}?known=&has=&busy=`,
    `${path}?known=&has=&busy=`,
    `${path}?known=00ff&has=dsk_A,&busy=`,
  ]);
  expect(held).toHaveLength(1);
});

test('a board that cannot attach a disk tries again, and has a question open before long', async () => {
  const asked: string[] = [];
  const held: ServerResponse[] = [];
  const server = await createLoopbackServer((request, _body, response) => {
    asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('known') ?? '');
    if (asked.length <= 6) return void response.end(list(line('dsk_A', 'media')));
    held.push(response);
  });
  await writeFile(join(board.run, 'refuse'), '');
  const pauses = 'back_off() { echo "$1 $2" >>"$run/pauses"; echo 0; }';
  const script = `${kernel}http_server ${server.url}; http_auth='Bearer x'; ${pauses}; disks_follow & sleep 3; kill $!`;
  await board.sh(script, parts);
  await server.close();
  expect(asked).toEqual(['', '', '', '', '', '', '00ff']);
  expect(held).toHaveLength(1);
  const { 0: first, 5: last } = (await readFile(join(board.run, 'pauses'), 'utf8')).trim().split('\n');
  expect([first, last]).toEqual(['0 2', '5 2']);
});
