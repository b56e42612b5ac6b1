import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createToolRunner } from '@drover/tools';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRoot } from '../../src/machine/root.js';
import { openSandbox, type Sandbox } from '../../src/machine/sandbox.js';
import { setUpWorkbench, writeInSandbox } from '../../src/machine/workbench.js';

const tools = createToolRunner();
const busybox = '/usr/bin/busybox';
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drv-sandbox-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Processes of the whole machine whose command line has this word. */
const processesWith = async (word: string): Promise<string[]> => {
  const { stdout } = await tools.run('sh', [
    '-c',
    'for p in /proc/[0-9]*; do tr "\\0" " " <"$p/cmdline" 2>/dev/null; echo; done',
  ]);
  return stdout.split('\n').filter((line) => line.includes(word));
};
const mountsWith = async (word: string): Promise<string[]> =>
  (await readFile('/proc/mounts', 'utf8')).split('\n').filter((line) => line.includes(word));

const within = async (work: (sandbox: Sandbox) => Promise<void>): Promise<void> => {
  const sandbox = await openSandbox(tools, new AbortController().signal);
  try {
    await work(sandbox);
  } finally {
    await sandbox.close();
  }
};

describe('a sandbox', () => {
  it('runs programs as root with a clean environment, and says which one failed', () =>
    within(async (sandbox) => {
      const { stdout } = await sandbox.run('sh', ['-c', 'id -u; pwd; env | sort'], { cwd: folder, env: { A: 'b c' } });
      expect(stdout.split('\n')).toEqual(
        expect.arrayContaining(['0', folder, 'A=b c', 'LC_ALL=C.UTF-8', 'HOME=/root']),
      );
      expect(stdout).not.toContain('VITEST');
      await expect(sandbox.run('sh', ['-c', 'echo it is broken >&2; exit 3'])).rejects.toThrow(
        'sh ended with 3: it is broken',
      );
    }));

  it('keeps its mounts, its host name and its emulators to itself', () =>
    within(async (sandbox) => {
      await sandbox.run('mount', ['-t', 'tmpfs', 'drover-test-mount', '/mnt']);
      await sandbox.run('hostname', ['elsewhere']);
      await sandbox.run('mount', ['-t', 'binfmt_misc', 'binfmt_misc', '/proc/sys/fs/binfmt_misc']);
      await sandbox.run('sh', [
        '-c',
        'echo ":drover-test:E::drover-test::/bin/true:" >/proc/sys/fs/binfmt_misc/register',
      ]);
      expect((await sandbox.run('ls', ['/proc/sys/fs/binfmt_misc'])).stdout).toContain('drover-test');
      expect(await mountsWith('drover-test-mount')).toEqual([]);
      expect(await readFile('/proc/sys/kernel/hostname', 'utf8')).not.toContain('elsewhere');
      await expect(readFile('/proc/sys/fs/binfmt_misc/drover-test')).rejects.toThrow('ENOENT');
    }));

  it('ends all it has started when it is closed', async () => {
    await within((sandbox) => sandbox.run('sh', ['-c', 'setsid sleep 54321 >/dev/null 2>&1 &']).then(() => undefined));
    await expect.poll(() => processesWith('sleep 54321')).toEqual([]);
  });

  it('ends in the middle of a program when it is told to, with the reason', async () => {
    const controller = new AbortController();
    const sandbox = await openSandbox(tools, controller.signal);
    setTimeout(() => controller.abort(new Error('changed my mind')), 300);
    await expect(sandbox.run('sh', ['-c', 'trap "" TERM INT; sleep 54322; :'])).rejects.toThrow('changed my mind');
    await sandbox.close();
    await expect.poll(() => processesWith('sleep 54322')).toEqual([]);
  });

  it('ends with its builder, however that ends', async () => {
    const program = fileURLToPath(new URL('../support/hold-sandbox.ts', import.meta.url));
    const tsx = fileURLToPath(new URL('../../../../node_modules/tsx/dist/cli.mjs', import.meta.url));
    const args = [tsx, '--conditions', 'drover-source', program];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    await once(child.stdout, 'data');
    expect(await processesWith('sleep 54323')).not.toEqual([]);
    process.kill(-child.pid!, 'SIGKILL');
    await expect.poll(() => processesWith('sleep 54323')).toEqual([]);
    expect(await mountsWith('drover-test-mount')).toEqual([]);
  });
});

describe('a root in a sandbox', () => {
  /** A root of one program in two layers, and what changes in a third. */
  const withRoot = (work: (root: Awaited<ReturnType<typeof openRoot>>, sandbox: Sandbox) => Promise<void>) =>
    within(async (sandbox) => {
      for (const name of [
        'layers/one/bin',
        'layers/one/mnt',
        'layers/one/etc',
        'layers/two/etc',
        'upper',
        'work',
        'target',
        'packages',
      ])
        await mkdir(join(folder, name), { recursive: true });
      await tools.run('cp', [busybox, join(folder, 'layers/one/bin/busybox')]);
      await tools.run('ln', ['-s', 'busybox', join(folder, 'layers/one/bin/sh')]);
      await writeFile(join(folder, 'layers/one/etc/name'), 'one\n');
      await writeFile(join(folder, 'layers/two/etc/name'), 'two\n');
      await writeFile(join(folder, 'packages/p'), 'a package\n');
      await setUpWorkbench(sandbox, join(folder, 'packages'));
      const changes = { upper: join(folder, 'upper'), work: join(folder, 'work') };
      const place = { layers: join(folder, 'layers'), below: ['one', 'two'], changes, target: join(folder, 'target') };
      const root = await openRoot(sandbox, place);
      await work(root, sandbox);
      await root.close();
    });
  const sh = (text: string): [string, string[]] => ['/bin/sh', ['-euc', `PATH=/bin; bb() { busybox "$@"; }; ${text}`]];

  it('shows the upper layer, takes what changes, and leaves the layers as they are', () =>
    withRoot(async (root) => {
      expect((await root.run(...sh('bb cat /etc/name; echo new >/etc/name; bb cat /etc/name'))).stdout).toBe(
        'two\nnew\n',
      );
      expect(await readFile(join(folder, 'layers/two/etc/name'), 'utf8')).toBe('two\n');
      expect(await readFile(join(folder, 'upper/etc/name'), 'utf8')).toBe('new\n');
    }));

  it('has no way back to the files of this machine, but for the packages, which it cannot change', () =>
    withRoot(async (root) => {
      const { stdout } = await root.run(...sh('bb cat /mnt/drover/packages/p; bb ls /'));
      expect(stdout.split('\n').sort()).toEqual(
        ['', 'a package', 'bin', 'dev', 'etc', 'mnt', 'proc', 'run', 'tmp'].sort(),
      );
      await expect(root.run(...sh('echo x >/mnt/drover/packages/p'))).rejects.toThrow(/Read-only/);
      // The way out of a chroot for its root: another chroot below, with the working directory outside of it.
      const escape =
        'bb mkdir -p /tmp/d; bb chroot /tmp/d /bin/true || :; cd /; i=0; while [ $i -lt 40 ]; do cd ..; i=$((i+1)); done; bb ls';
      expect((await root.run(...sh(escape))).stdout.split('\n')).not.toContain('usr');
    }));

  it('ends what a program leaves running, and gives back /tmp as it was left', () =>
    withRoot(async (root) => {
      await root.run(...sh('bb sleep 54324 >/dev/null 2>&1 & echo kept >/tmp/file'));
      expect(await processesWith('sleep 54324')).toEqual([]);
      expect((await root.run(...sh('bb cat /tmp/file'))).stdout).toBe('kept\n');
    }));

  it('shows what is asked for where it is asked for, and forgets what is to be forgotten', () =>
    withRoot(async (root, sandbox) => {
      await writeInSandbox(sandbox, '/mnt/bin/hello', '#!/bin/sh\necho hello\n', '0755');
      const options = { shown: { '/mnt/hello': '/mnt/bin/hello' }, forgotten: ['/var/forgotten'] };
      const { stdout } = await root.run(...sh('/mnt/hello; echo x >/var/forgotten/x; bb ls /var/forgotten'), options);
      expect(stdout).toBe('hello\nx\n');
      expect((await root.run(...sh('bb ls /var/forgotten'))).stdout).toBe('');
    }));
});
