import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { aptSourceLine, debianCodename, debianSources } from './aptSources.js';

let apt: string;
let codename: string;
beforeEach(async () => {
  codename = await debianCodename();
  apt = await mkdtemp(path.join(os.tmpdir(), 'drv-apt-'));
  await mkdir(path.join(apt, 'sources.list.d'));
});
afterEach(() => rm(apt, { recursive: true }));

const part = (name: string, text: string): Promise<void> => writeFile(path.join(apt, 'sources.list.d', name), text);

test('reads both of apt’s formats and leaves out what is not Debian', async () => {
  await part(
    'debian.sources',
    `Types: deb deb-src\n# a comment\nURIs: http://mirror.example/debian\nSuites: ${codename} ${codename}-updates\n` +
      `Components: main contrib\nSigned-By: /usr/share/keyrings/x.gpg\n\n` +
      `Types: deb\nURIs: http://other.example\nSuites: stable\nComponents: main\n\n` +
      `Types: deb\nEnabled: no\nURIs: http://off.example\nSuites: ${codename}\nComponents: main\n`,
  );
  await part('vendor.list', `deb [arch=amd64] http://vendor.example/debian ${codename} stable\n`);
  await part(
    'ignored.sources.disabled',
    `Types: deb\nURIs: http://no.example\nSuites: ${codename}\nComponents: main\n`,
  );
  await writeFile(
    path.join(apt, 'sources.list'),
    `# deb http://no.example ${codename} main\ndeb [signed-by=/k.gpg] http://s.example/sec ${codename}-security main # why\n`,
  );
  const lines = (await debianSources(apt)).map((source) => aptSourceLine(source, ['main']));
  expect(lines).toEqual([
    `deb [signed-by=/k.gpg] http://s.example/sec ${codename}-security main`,
    `deb [signed-by=/usr/share/keyrings/x.gpg] http://mirror.example/debian ${codename} main`,
    `deb [signed-by=/usr/share/keyrings/x.gpg] http://mirror.example/debian ${codename}-updates main`,
  ]);
});

test('says so when there is none', async () => {
  await expect(debianSources(apt)).rejects.toThrow(`no source of Debian ${codename} main`);
});
