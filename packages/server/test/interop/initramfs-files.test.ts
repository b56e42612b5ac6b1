import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { manifestDigest, manifestFile } from '../../src/domain/device-files.js';
import { identityTar } from '../../src/domain/identity-tar.js';
import { createBoardShell, createLoopbackServer, type BoardShell } from './initramfs-shell.js';

// What a running board does when the files of its own change at the server, in busybox's shell, with the archives that the server makes.

let board: BoardShell;
beforeEach(async () => {
  board = await createBoardShell();
});
afterEach(() => board.dispose());

/** What the server has: texts by path, `mode path` where it is another than 644. */
type Files = Readonly<Record<string, string>>;

const ownFiles = (files: Files) =>
  Object.entries(files).map(([key, text]) => {
    const [, mode = '644', path] = /^(?:(\d+) )?(.*)$/.exec(key)!;
    const bytes = Buffer.from(text);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { path: path!, mode: parseInt(mode, 8), uid: 0, gid: 0, bytes, sha256 };
  });
const digestOf = (files: Files): string => manifestDigest(ownFiles(files));
const tarOf = (files: Files): Buffer => identityTar([manifestFile(ownFiles(files))], ownFiles(files));

const parts = ['base', 'http', 'report', 'fetch', 'files'];

/** The board has `before`, and its list says that it has `now`. What it reports, one a line. */
async function follow(before: Files | undefined, now: Files, sent = tarOf(now), status = 200): Promise<string[]> {
  const asked: string[] = [];
  const server = await createLoopbackServer((request, _body, response: ServerResponse) => {
    asked.push(request.url ?? '');
    response.writeHead(status, { 'content-length': sent.length }).end(sent);
  });
  if (before !== undefined) {
    await mkdir(join(board.run, 'files'), { recursive: true });
    await chmod(join(board.run, 'files'), 0o777);
    await writeFile(join(board.run, 'files/manifest'), manifestFile(ownFiles(before)).text);
    await chmod(join(board.run, 'files/manifest'), 0o666);
  }
  await writeFile(join(board.run, 'list'), `version=1\nport=2\nfiles=${digestOf(now)}\n`);
  await writeFile(join(board.run, 'queue'), '');
  const script = `files=$run/files session=bs_1 reporting=''; http_server ${server.url}; http_auth='Bearer x'
files_follow "$run/list"; files_follow "$run/list"`;
  const { stderr } = await board.sh(script, parts);
  await server.close();
  expect(stderr).toBe('');
  expect(asked.every((path) => path === '/device/v1/sessions/bs_1/files')).toBe(true);
  const queue = await readFile(join(board.run, 'queue'), 'utf8');
  expect(await readdir(join(board.run, 'files'))).not.toContain('new');
  return [...queue.matchAll(/^files info [\d.]+ (.*)$/gm)].map(([, text]) => decodeURIComponent(text!));
}

const inRoot = (path: string): string => join(board.root, path);
const textOf = (path: string): Promise<string> => readFile(inRoot(path), 'utf8');

describe('files of a board that change while it is up', () => {
  test('are written with their mode, and their folders made', async () => {
    await board.tree({ 'etc/app/token': 'old', 'etc/app/other': 'x' });
    const now = { '600 etc/app/token': 'new', '755 opt/a b/ü': 'more' };
    expect(await follow({ '600 etc/app/token': 'old' }, now)).toEqual([
      'updated /etc/app/token',
      expect.stringMatching(/^updated \/opt\/a b\//),
    ]);
    expect([await textOf('etc/app/token'), await textOf('opt/a b/ü')]).toEqual(['new', 'more']);
    expect((await stat(inRoot('etc/app/token'))).mode & 0o7777).toBe(0o600);
    expect((await stat(inRoot('opt/a b/ü'))).mode & 0o7777).toBe(0o755);
    expect(await readdir(inRoot('etc/app'))).toEqual(['other', 'token']);
    expect(await readFile(join(board.run, 'files/manifest'), 'utf8')).toBe(manifestFile(ownFiles(now)).text);
  });

  test('have their owner, in a system where that is to be had', async () => {
    await board.tree({ 'etc/token': 'old' });
    const [file] = ownFiles({ '4750 etc/token': 'new' });
    const owned = { ...file!, uid: 33, gid: 44 };
    const [top] = ownFiles({ first: 'at the top' });
    const all = [owned, top!];
    await mkdir(join(board.run, 'files/new'), { recursive: true });
    await writeFile(join(board.run, 'files/tar'), identityTar([manifestFile(all)], all));
    const script = `root='' run=/run/drover files=$run/files session=bs_1 reporting=''
. $run/lib/base.sh; . $run/lib/report.sh; . $run/lib/fetch.sh; . $run/lib/files.sh
files_wanted=x files_manifest=$files/new/run/drover/files/manifest
tar -x -f $files/tar -C $files/new; : >$files/manifest; files_update; stat -c '%u %g %a' /etc/token`;
    const places = ['--bind', board.root, '/', '--bind', board.run, '/run/drover', '--proc', '/proc', '--dev', '/dev'];
    const runtime = ['--ro-bind', join(board.device, 'lib'), '/run/drover/lib', '--ro-bind', '/bin/busybox', '/bin/sh'];
    const rights = ['ALL', 'CAP_CHOWN', 'CAP_FOWNER', 'CAP_DAC_OVERRIDE', 'CAP_FSETID'].flatMap((right, index) => [
      index === 0 ? '--cap-drop' : '--cap-add',
      right,
    ]);
    const { stdout } = await promisify(execFile)('bwrap', [...places, ...runtime, ...rights, '/bin/sh', '-c', script]);
    expect(stdout).toBe('33 44 4750\n');
    expect([await textOf('etc/token'), await textOf('first')]).toEqual(['new', 'at the top']);
  });

  test('that did not change at the server are left as they are here', async () => {
    await board.tree({ 'etc/a': 'changed here', 'etc/b': 'old' });
    const told = await follow({ 'etc/a': 'a', 'etc/b': 'old' }, { 'etc/a': 'a', 'etc/b': 'new' });
    expect(told).toEqual(['updated /etc/b']);
    expect([await textOf('etc/a'), await textOf('etc/b')]).toEqual(['changed here', 'new']);
  });

  test('are asked for once, and not where nothing changed', async () => {
    expect(await follow({ 'etc/a': 'a' }, { 'etc/a': 'a' })).toEqual([]);
    expect(await follow(undefined, {})).toEqual([]);
    await expect(lstat(inRoot('etc'))).rejects.toThrow();
  });

  test('are removed when they are none any more, unless somebody changed them here', async () => {
    await board.tree({ 'etc/a': 'a', 'etc/b': 'mine', 'etc/real': 'c', 'etc/c': '-> real' });
    expect(await follow({ 'etc/a': 'a', 'etc/b': 'b', 'etc/c': 'c', 'etc/gone': 'd' }, {})).toEqual([
      'removed /etc/a',
      '/etc/b stays: it was changed on the board',
      '/etc/c stays: it was changed on the board',
    ]);
    expect((await readdir(inRoot('etc'))).sort()).toEqual(['b', 'c', 'real']);
  });

  test('replace a link, and do not follow one out of the root', async () => {
    const outside = join(board.dir, 'outside');
    await mkdir(outside);
    await chmod(outside, 0o777);
    await writeFile(join(outside, 'token'), 'not ours');
    await board.tree({ 'etc/token': `-> ${outside}/token`, 'run/x': '', 'var/run': '-> ../run' });
    await symlink(outside, inRoot('etc/app'));
    await symlink(`${outside}/none`, inRoot('etc/dangling'));
    const told = await follow(
      { 'etc/app/token': 'not ours' },
      { 'etc/token': 'a', 'etc/app/new': 'b', 'etc/app/deep/er': 'c', 'etc/dangling/x': 'd', 'var/run/y': 'e' },
    );
    expect(told.sort()).toEqual([
      '/etc/app/deep/er is not written: its folder is out of the root',
      '/etc/app/new is not written: its folder is out of the root',
      '/etc/app/token stays: it was changed on the board',
      '/etc/dangling/x is not written: its folder is out of the root',
      'updated /etc/token',
      'updated /var/run/y',
    ]);
    expect(await readdir(outside)).toEqual(['token']);
    expect(await readFile(join(outside, 'token'), 'utf8')).toBe('not ours');
    expect((await lstat(inRoot('etc/token'))).isFile()).toBe(true);
    expect(await readlink(inRoot('var/run'))).toBe('../run');
    expect(await textOf('run/y')).toBe('e');
  });

  test('that are in the way of a folder are told, and the others written', async () => {
    await board.tree({ 'etc/app/x': '', 'etc/file': '' });
    const told = await follow({}, { 'etc/app': 'a', 'etc/file/b': 'b', 'etc/ok': 'c' });
    expect(told).toEqual([
      '/etc/app is not written: it is a folder',
      expect.stringMatching(/^\/etc\/file\/b is not written: /),
      'updated /etc/ok',
    ]);
    expect((await readdir(inRoot('etc'))).sort()).toEqual(['app', 'file', 'ok']);
  });

  test('are not taken from an answer that is not what the list says, or none', async () => {
    await board.tree({ 'etc/a': 'a' });
    const wanted = { 'etc/a': 'b' };
    expect(await follow({ 'etc/a': 'a' }, wanted, tarOf({ 'etc/a': 'c' }))).toEqual([]);
    const [file] = ownFiles({ 'etc/a': 'c' });
    const forged = identityTar([manifestFile(ownFiles(wanted))], [file!]);
    expect(await follow({ 'etc/a': 'a' }, wanted, forged)).toEqual([
      '/etc/a is not written: it came otherwise than it should',
    ]);
    expect(await follow({ 'etc/a': 'a' }, wanted, Buffer.from('no tar'))).toEqual([
      expect.stringMatching(/^the files cannot be unpacked/),
    ]);
    expect(await follow({ 'etc/a': 'a' }, wanted, Buffer.from('no'), 403)).toEqual([]);
    expect(await textOf('etc/a')).toBe('a');
  });
});
