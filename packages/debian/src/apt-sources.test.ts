import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RefusedError } from '@drover/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { aptSourceLine, debianSources, parseSourcesFile, parseSourcesList } from './apt-sources.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'drv-apt-'));
  await mkdir(join(root, 'etc/apt/sources.list.d'), { recursive: true });
});
afterEach(() => rm(root, { recursive: true }));

const write = (name: string, text: string) => writeFile(join(root, 'etc', name), text);
const debian = 'ID=debian\nVERSION_CODENAME=bookworm\n';

test('one-line sources are read with their keyring', () => {
  const text = [
    '# deb http://old.example/debian bookworm main',
    'deb [arch=arm64 signed-by=/usr/share/keyrings/a.gpg] http://mirror.example/debian bookworm main contrib # ours',
    'deb-src http://mirror.example/debian bookworm main',
    'deb http://mirror.example/security bookworm-security main',
  ].join('\n');
  expect(parseSourcesList(text)).toEqual([
    {
      uri: 'http://mirror.example/debian',
      suite: 'bookworm',
      components: ['main', 'contrib'],
      signedBy: '/usr/share/keyrings/a.gpg',
    },
    { uri: 'http://mirror.example/security', suite: 'bookworm-security', components: ['main'], signedBy: undefined },
  ]);
});

test('deb822 sources are read, several suites and continued lines included', () => {
  const text = [
    'Types: deb deb-src',
    'URIs: http://mirror.example/debian',
    'Suites: bookworm',
    ' bookworm-updates',
    '# a comment',
    'Components: main',
    'Signed-By: /usr/share/keyrings/a.gpg',
    '',
    'Types: deb',
    'URIs: http://other.example/',
    'Suites: nodistro',
    'Components: main',
    'Enabled: no',
  ].join('\n');
  expect(parseSourcesFile(text).map(({ suite, signedBy }) => `${suite} ${signedBy}`)).toEqual([
    'bookworm /usr/share/keyrings/a.gpg',
    'bookworm-updates /usr/share/keyrings/a.gpg',
  ]);
});

test('only Debian itself is taken: this release, its updates and security, component main', async () => {
  await write('os-release', debian);
  await write('apt/sources.list', 'deb http://mirror.example/debian bookworm main non-free\n');
  await write(
    'apt/sources.list.d/x.sources',
    'Types: deb\nURIs: http://s.example\nSuites: bookworm-security bookworm-backports trixie\nComponents: main\n',
  );
  await write('apt/sources.list.d/other.list', 'deb http://node.example nodistro main\n');
  const sources = await debianSources(root);
  expect(sources.map((source) => aptSourceLine(source, 'main'))).toEqual([
    'deb http://mirror.example/debian bookworm main',
    'deb http://s.example bookworm-security main',
  ]);
});

test.each([
  ['a machine that is not Debian', 'ID=ubuntu\nVERSION_CODENAME=noble\n', 'deb http://u.example noble main'],
  ['a Debian without a source of itself', debian, 'deb http://node.example nodistro main'],
])('%s is refused with what to do', async (_what, release, list) => {
  await write('os-release', release);
  await write('apt/sources.list', list);
  const fault: unknown = await debianSources(root).catch((each: unknown) => each);
  expect(fault).toBeInstanceOf(RefusedError);
  const { refusal } = fault as RefusedError;
  expect(refusal.code).toBe('tool.missing');
  expect(refusal.remedy).toContain('helpers.cacheDir');
});
