import { execFile, execFileSync } from 'node:child_process';
import { chown, copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { FirstBootSettings } from '@drover/contract';
import { firstBootFiles } from '../../src/domain/first-boot-files.js';
import { identityFiles, identityTar, type IdentityFile } from '../../src/domain/identity-tar.js';
import { createBoardShell, type BoardShell } from './initramfs-shell.js';

const execute = promisify(execFile);

export interface Outcome {
  readonly code: number;
  readonly text: string;
}

/** Runs a program that judges us; its exit code is the verdict. */
export async function judge(program: string, args: readonly string[]): Promise<Outcome> {
  try {
    const { stdout, stderr } = await execute(program, args);
    return { code: 0, text: stdout + stderr };
  } catch (fault) {
    const { code, stdout = '', stderr = '' } = fault as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw fault;
    return { code, text: stdout + stderr };
  }
}

export interface FirstBootLab {
  readonly board: BoardShell;
  /** A path in the board's root. */
  readonly at: (name: string) => string;
  readonly read: (name: string) => Promise<string>;
  /** Boots so far as `prepare` does: settings as the server sends them, or the lines of somebody else. Returns its summary. */
  readonly boot: (settings?: object | string, mode?: string) => Promise<string>;
  /** The line of a table that begins with a name. */
  readonly line: (table: string, name: string) => Promise<string | undefined>;
  readonly dispose: () => Promise<void>;
}

/** The board's root as its own, with the runtime where the initramfs leaves it, and no more rights than to own what is there. */
const inRoot = ({ dir, root, run, device }: BoardShell): string[] => [
  ...['--bind', root, '/', '--dev', '/dev', '--proc', '/proc', '--ro-bind', join(dir, 'sys'), '/sys', '--unshare-net'],
  ...['--bind', run, '/run/drover', '--ro-bind', join(device, 'lib'), '/run/drover/lib'],
  ...['--ro-bind', '/bin/busybox', '/run/drover/bin/busybox', '--clearenv', '--setenv', 'PATH', '/run/drover/bin'],
  ...['--cap-drop', 'ALL', '--cap-add', 'CAP_CHOWN', '--cap-add', 'CAP_FOWNER', '--cap-add', 'CAP_DAC_OVERRIDE'],
];

/** A board with Debian's own users and groups, as base-passwd has them, and `files` on top. */
export async function createFirstBootLab(files: Readonly<Record<string, string>> = {}): Promise<FirstBootLab> {
  const board = await createBoardShell();
  const at = (name: string): string => join(board.root, name);
  const master = '/usr/share/base-passwd';
  await mkdir(at('etc'), { recursive: true });
  for (const table of ['passwd', 'group']) await copyFile(`${master}/${table}.master`, at(`etc/${table}`));
  for (const [name, text] of Object.entries({ ...debian, ...files })) {
    await mkdir(dirname(at(name)), { recursive: true });
    if (!text.startsWith('+')) await rm(at(name), { force: true });
    if (text.startsWith('+')) await writeFile(at(name), text.slice(1), { flag: 'a' });
    else if (text.startsWith('-> ')) await execute('ln', ['-s', text.slice(3), at(name)]);
    else await writeFile(at(name), text);
  }
  await chown(board.root, 0, 0);
  return {
    ...{ board, at },
    read: (name) => readFile(at(name), 'utf8'),
    line: async (table, name) =>
      (await readFile(at(`etc/${table}`), 'utf8')).split('\n').find((each) => each.startsWith(`${name}:`)),
    boot: (settings, mode = 'ram') => boot(board, settings, mode),
    dispose: () => board.dispose(),
  };
}

const debian = {
  'sbin/init': '-> ../lib/systemd/systemd',
  'lib/systemd/systemd': '',
  'lib/systemd/system/ssh.service': '[Service]\n',
  'bin/bash': '',
  'bin/sh': '',
  'usr/bin/sudo': '',
  'usr/share/zoneinfo/Europe/Zurich': '',
  'etc/hostname': 'raspberrypi\n',
  'etc/hosts': '127.0.0.1\tlocalhost\n',
  'etc/skel/.profile': '# of the image\n',
  'etc/ssh/sshd_config': 'Include /etc/ssh/sshd_config.d/*.conf\nPasswordAuthentication yes\nUsePAM yes\n',
};

/** With hashed passwords in tables of their own, as Debian's own programs make them. */
export async function withShadow(lab: FirstBootLab): Promise<FirstBootLab> {
  for (const program of ['pwconv', 'grpconv']) await execute(program, ['--root', lab.board.root]);
  return lab;
}

async function boot(board: BoardShell, settings: object | string | undefined, mode: string): Promise<string> {
  const state = { mode, hostname: 'herd-7', interface: 'eth0', mac: 'dc:a6:32:01:36:c2', dns: '10.0.0.1' };
  await writeFile(
    join(board.run, 'state'),
    Object.entries(state)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  await writeFile(join(board.run, 'identity.tar'), identityTar(filesOf(settings)));
  const shell = (...words: string[]) => judge('bwrap', [...inRoot(board), '/run/drover/bin/busybox', 'sh', ...words]);
  const lib = '/run/drover/lib';
  const apply = `root=''; . ${lib}/base.sh; . ${lib}/identity.sh; apply_identity /run/drover/identity.tar`;
  expect(await shell('-uc', apply)).toEqual({ code: 0, text: '' });
  expect(await shell('-u', `${lib}/prepare`, '/sbin/init')).toEqual({ code: 0, text: '' });
  expect((await judge('ls', [join(board.run, 'first-boot')])).code).not.toBe(0);
  return (await readFile(join(board.run, 'prepared'), 'utf8')).trim();
}

/** What comes with what makes the board itself. */
const filesOf = (settings: object | string | undefined): IdentityFile[] => {
  const itself = identityFiles({ hostname: 'herd-7', machineId: 'a1'.repeat(16), sshHostKeys: {} });
  if (settings === undefined) return itself;
  if (typeof settings === 'string')
    return [...itself, { path: 'run/drover/first-boot/settings', mode: 0o600, text: settings }];
  const owner = { device: 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', generation: 1, name: 'herd-7' };
  return [...itself, ...firstBootFiles(FirstBootSettings.parse(settings), owner)];
};

/** A line of authorized_keys that ssh-keygen takes. */
export const sshKey = (comment: string): string =>
  `ssh-ed25519 ${Buffer.concat([
    Buffer.from('0000000b7373682d6564323535313900000020', 'hex'),
    Buffer.alloc(32, comment),
  ]).toString('base64')} ${comment}`;

/** All of a tree: what is there, whose it is, what is in it. */
export const everything = ({ board }: FirstBootLab): string =>
  execFileSync(
    'sh',
    ['-c', 'find . -printf "%p %u %g %m %l\n" | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum'],
    {
      cwd: board.root,
    },
  ).toString();
