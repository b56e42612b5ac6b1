import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPrivateApt } from './apt.js';

const signal = new AbortController().signal;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drv-apt-'));
});
afterEach(() => rm(folder, { recursive: true }));

const stanza = (name: string, version: string, architecture = 'arm64'): string =>
  `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nFilename: pool/${name}.deb\nSize: 1\nSHA256: ${sha256(name)}\n\n`;

/** An apt that says what a test wants of it. */
const aptThat = (says: (tool: string, args: readonly string[], cwd: string) => string | Promise<string>) =>
  createPrivateApt({
    tools: { run: async (tool, args, options) => ({ stdout: await says(tool, args, options?.cwd ?? '') }) },
    ...{
      folder,
      architecture: 'arm64',
      sources: () => Promise.resolve(['deb http://mirror.example/debian bookworm main']),
    },
  });

describe('apt’s choice', () => {
  const simulated = [
    'Remv exim4 [4.96-15]',
    'Inst libc6 [2.36-8] (2.36-9 Debian:12.11/stable [arm64]) []',
    'Inst tzdata (2026a-0 Debian:12.11/stable [all])',
    'Inst gcc:armhf (12.2 Debian:12.11/stable [armhf])',
    'Conf libc6 (2.36-9 Debian:12.11/stable [arm64])',
    'Purg exim4 [4.96-15]',
  ].join('\n');

  it('is read with versions, and what leaves once', async () => {
    const apt = aptThat((tool) =>
      tool === 'apt-get'
        ? simulated
        : stanza('libc6', '2.36-9') +
          stanza('libc6', '2.36-8') +
          stanza('tzdata', '2026a-0', 'all') +
          stanza('gcc', '12.2') +
          stanza('gcc', '12.2', 'armhf'),
    );
    const { install, remove } = await apt.resolve({ install: ['nano'] }, '/status', signal);
    expect(install.map(({ locked }) => [locked.name, locked.version, locked.architecture])).toEqual([
      ['libc6', '2.36-9', 'arm64'],
      ['tzdata', '2026a-0', 'all'],
      ['gcc', '12.2', 'armhf'],
    ]);
    expect(remove).toEqual(['exim4']);
  });

  it('is refused where the lists do not have what it chose', async () => {
    const apt = aptThat((tool) => (tool === 'apt-get' ? simulated : stanza('libc6', '2.36-9')));
    await expect(apt.resolve({ install: ['nano'] }, '/status', signal)).rejects.toThrow(/chose tzdata=2026a-0/);
  });

  it('that cannot be made says what went wrong with the lists, where something did', async () => {
    const apt = aptThat((_tool, args) => {
      if (args.includes('update')) throw new RefusedError(refusal('tool.failed', 'Mirror sync in progress?'));
      throw new RefusedError(refusal('tool.failed', 'Unable to locate package nano'));
    });
    await apt.update(signal);
    await expect(apt.resolve({ install: ['nano'] }, '/status', signal)).rejects.toThrow(/Mirror sync/);
  });
});

describe('packages that are fetched', () => {
  const wanted = (name: string) => ({ name, version: '1', sha256: sha256(name) });

  it('are kept by their digests, and nothing else stays', async () => {
    const apt = aptThat(async (_tool, args, cwd) => {
      for (const each of args.filter((word) => word.endsWith('=1')))
        await writeFile(join(cwd, `${each.replace('=1', '_1_arm64')}.deb`), each.replace('=1', ''));
      return '';
    });
    await apt.download([wanted('nano'), wanted('vim')], folder, { signal });
    expect((await readdir(folder)).sort()).toEqual([`${sha256('nano')}.deb`, `${sha256('vim')}.deb`].sort());
    expect(await readFile(join(folder, `${sha256('vim')}.deb`), 'utf8')).toBe('vim');
  });

  it('are refused when their bytes are not those the signed list promises', async () => {
    const apt = aptThat(async (_tool, _args, cwd) => {
      await writeFile(join(cwd, 'nano_1_arm64.deb'), 'forged');
      return '';
    });
    await expect(apt.download([wanted('nano')], folder, { signal })).rejects.toThrow(
      `nano_1_arm64.deb has sha256 ${sha256('forged')}, but the signed package list promises ${sha256('nano')}`,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});
