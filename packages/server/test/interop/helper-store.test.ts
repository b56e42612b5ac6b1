import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { RefusedError } from '@drover/contract';
import { createHelperStore } from '@drover/initramfs';
import { createToolRunner } from '@drover/tools';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cardPrograms, elf, writeHelpers } from './arm-programs.js';

const execute = promisify(execFile);
const { signal } = new AbortController();

let dir: string;
const at = (name: string): string => join(dir, name);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drv-helpers-'));
  await writeHelpers(at('helpers'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('helpers', () => {
  const fails = async (work: Promise<unknown>): Promise<string> => {
    const fault: unknown = await work.then(
      () => undefined,
      (each: unknown) => each,
    );
    return fault instanceof RefusedError
      ? `${fault.refusal.code}: ${fault.refusal.detail}`
      : expect.fail(String(fault));
  };

  test.each([
    ['for another processor', elf('arm')],
    ['not static', elf('arm64', true)],
    ['no ELF program', Buffer.from('#!/bin/sh\n')],
  ])('put there by hand are refused when they are %s', async (why, bytes) => {
    await cp(at('helpers'), at('wrong'), { recursive: true });
    await writeFile(at('wrong/arm64/busybox'), bytes);
    const store = createHelperStore({ tools: createToolRunner(), cacheDir: at('wrong'), now: () => 0 });
    expect(await fails(store.helpers('arm64', signal))).toContain(why);
  });

  test('that are not what their manifest says are refused', async () => {
    await cp(at('helpers'), at('changed'), { recursive: true });
    const row = { name: 'busybox', package: 'busybox-static', version: '1', licence: 'GPL-2.0-only', copyright: null };
    const helpers = [{ ...row, packageSha256: '0'.repeat(64), sha256: '0'.repeat(64) }];
    await writeFile(
      at('changed/arm64/manifest.json'),
      JSON.stringify({ version: 1, architecture: 'arm64', obtainedAt: '', helpers }),
    );
    const store = createHelperStore({ tools: createToolRunner(), cacheDir: at('changed'), now: () => 0 });
    expect(await fails(store.helpers('arm64', signal))).toContain('is not the one its manifest.json describes');
  });

  const triplet = 'aarch64-linux-gnu';
  /** What Debian's packages for arm64 have of what we want. */
  const packaged: Record<string, Record<string, string | Buffer>> = {
    'busybox-static': { 'bin/busybox': elf('arm64') },
    'perl-base': {
      'usr/bin/perl': elf('arm64', true),
      [`usr/lib/${triplet}/perl-base/strict.pm`]: 'package strict;',
      [`usr/lib/${triplet}/perl-base/warnings.pm`]: 'package warnings;',
    },
    libc6: {
      [`lib/${triplet}/ld-linux-aarch64.so.1`]: elf('arm64'),
      [`lib/${triplet}/libc.so.6`]: elf('arm64', true),
      [`lib/${triplet}/libm.so.6`]: elf('arm64', true),
    },
    libcrypt1: { [`lib/${triplet}/libcrypt.so.1`]: elf('arm64', true) },
    'signify-openbsd': { 'bin/signify-openbsd': elf('arm64', true) },
    e2fsprogs: {
      ...{ 'sbin/mke2fs': elf('arm64', true), 'sbin/e2fsck': elf('arm64', true) },
      'etc/mke2fs.conf': '[defaults]\n',
    },
    openssl: { 'usr/bin/openssl': elf('arm64', true) },
    libssl3: {
      [`usr/lib/${triplet}/libssl.so.3`]: elf('arm64', true),
      [`usr/lib/${triplet}/libcrypto.so.3`]: elf('arm64', true),
    },
    libbsd0: { [`usr/lib/${triplet}/libbsd.so.0`]: elf('arm64', true) },
    libmd0: { [`usr/lib/${triplet}/libmd.so.0`]: elf('arm64', true) },
    libext2fs2: {
      [`lib/${triplet}/libext2fs.so.2`]: elf('arm64', true),
      [`lib/${triplet}/libe2p.so.2`]: elf('arm64', true),
    },
    'libcom-err2': { [`lib/${triplet}/libcom_err.so.2`]: elf('arm64', true) },
    libblkid1: { [`lib/${triplet}/libblkid.so.1`]: elf('arm64', true) },
    libuuid1: { [`lib/${triplet}/libuuid.so.1`]: elf('arm64', true) },
  };

  /** An apt that has these packages, and whose update and bytes are as a test wants them. */
  const fakeApt = (update: 'whole' | 'incomplete', digest?: string) => {
    const sha256Of = (name: string) => digest ?? createHash('sha256').update(name).digest('hex');
    const run = async (tool: string, args: readonly string[], options: { cwd?: string } = {}) => {
      const last = args.at(-1) ?? '';
      if (args.includes('update') && update === 'incomplete')
        throw new RefusedError({ ok: false, code: 'tool.failed', detail: 'Mirror sync in progress?' });
      if (args.includes('download')) {
        const name = last.slice(0, last.indexOf('='));
        await writeFile(join(options.cwd ?? '', `${name}.deb`), name);
      }
      if (tool === 'dpkg-deb') {
        const name = await readFile(args.at(-2) ?? '', 'utf8');
        for (const [path, bytes] of Object.entries(packaged[name] ?? {})) {
          await mkdir(dirname(join(last, path)), { recursive: true });
          await writeFile(join(last, path), bytes);
        }
      }
      return { stdout: tool === 'apt-cache' ? `Package: ${last}\nVersion: 1:2\nSHA256: ${sha256Of(last)}\n` : '' };
    };
    return { run };
  };

  test.each(['whole', 'incomplete'] as const)(
    'are fetched and kept with what is known of them (lists %s)',
    async (lists) => {
      const cacheDir = at(`fetched-${lists}`);
      const store = createHelperStore({ tools: fakeApt(lists), cacheDir, now: () => 0 });
      const [first, second] = await Promise.all([store.helpers('arm64', signal), store.helpers('arm64', signal)]);
      expect(first).toEqual(second);
      const names = ['busybox', 'perl', 'strict.pm', 'warnings.pm', 'ld.so', 'libc.so.6', 'libm.so.6', 'libcrypt.so.1'];
      expect(first.map(({ name }) => name)).toEqual(names);
      expect(first[0]).toMatchObject({ version: '1:2', licence: 'GPL-2.0-only', bytes: elf('arm64') });
      expect((await execute('ls', ['-A', cacheDir])).stdout).toBe('arm64\n');
      const manifest: unknown = JSON.parse(await readFile(join(cacheDir, 'arm64/manifest.json'), 'utf8'));
      expect(manifest).toMatchObject({
        architecture: 'arm64',
        helpers: expect.arrayContaining([
          expect.objectContaining({ name: 'busybox', package: 'busybox-static', version: '1:2' }),
          expect.objectContaining({ name: 'libcrypt.so.1', package: 'libcrypt1', version: '1:2' }),
        ]) as unknown,
      });
    },
  );

  test('for cards are fetched apart from those that every board needs', async () => {
    const cacheDir = at('fetched-cards');
    const store = createHelperStore({ tools: fakeApt('whole'), cacheDir, now: () => 0 });
    const fetched = await store.cardHelpers('arm64', signal);
    expect(fetched.map(({ name }) => name).sort()).toEqual([...cardPrograms, 'mke2fs.conf'].sort());
    expect(fetched.every(({ path }) => path.startsWith('lib/drover/card/'))).toBe(true);
    expect((await execute('ls', ['-A', cacheDir])).stdout).toBe('arm64-card\n');
    expect(await store.versions()).toEqual([]);
    expect((await store.cardVersions()).length).toBe(fetched.length);
    expect(await store.cardHelpers('arm64', signal)).toEqual(fetched);
  });

  test('whose bytes are not those of the signed list are refused', async () => {
    const cacheDir = at('forged');
    const store = createHelperStore({ tools: fakeApt('whole', '0'.repeat(64)), cacheDir, now: () => 0 });
    expect(await fails(store.helpers('arm64', signal))).toMatch(
      /has sha256 .* but the signed package list promises 0+$/,
    );
    expect((await execute('ls', ['-A', cacheDir])).stdout).toBe('');
  });

  test('that cannot be fetched leave nothing behind', async () => {
    const tools = {
      run: () => Promise.reject(new Error('no network')),
    };
    const store = createHelperStore({ tools, cacheDir: at('empty'), now: () => 0 });
    await expect(store.helpers('arm64', signal)).rejects.toThrow('no network');
    const { stdout } = await execute('ls', ['-A', at('empty')]);
    expect(stdout).toBe('');
  });
});
