import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// What a process reads before it does anything is most of what its start costs (docs/decisions/0013-one-file-per-process.md).

const bundle = fileURLToPath(new URL('../../../cli/bundle', import.meta.url));
const textOf = (file: string): string => readFileSync(join(bundle, file), 'utf8');

/** What a file imports as soon as it is loaded: statements of its first column, as esbuild writes them. */
const importsOf = (file: string): string[] =>
  [...textOf(file).matchAll(/^(?:import|export)(?: [^'"()]*? from)? "([^"]+)";/gm)].map(([, name = '']) => name);

/** The files that are read with one. */
const readWith = (file: string, seen = new Set<string>()): Set<string> => {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const name of importsOf(file)) if (name.startsWith('./')) readWith(name.slice(2), seen);
  return seen;
};

/** Packages whose code is in these files, by the names that esbuild leaves above each source. */
const packagesIn = (files: Iterable<string>): string[] => {
  const found = [...files].flatMap((file) => [
    ...textOf(file).matchAll(/^\/\/ (?:packages\/|node_modules\/(?:.*\/node_modules\/)?)((?:@[^/\n]+\/)?[^/\n]+)\//gm),
  ]);
  return [...new Set(found.map(([, name = '']) => name))].sort();
};

/** The one file of a part that is loaded when it is wanted: its name ends with a digest. */
const partOf = (name: string): string => {
  const [file, ...more] = readdirSync(bundle).filter((each) => new RegExp(`^${name}-[A-Z0-9]{8}\\.js$`).test(each));
  if (file === undefined || more.length > 0) throw new Error(`there is not one ${name} in ${bundle}`);
  return file;
};

describe('a process reads no more than it runs', () => {
  it('the command line: how commands are called', () => {
    expect(packagesIn(readWith('drover.js'))).toEqual(['cli', 'commander']);
  });

  it('the CPI, a process for each call: how operations are asked, and not what comes and goes', () => {
    const cpi = readFileSync(join(bundle, '../../bosh-cpi/bin/drover-cpi'), 'utf8');
    expect(cpi).toContain('importKey');
    expect(cpi).not.toContain('Take in a key that cards and scripts hold already');
    expect(cpi).not.toContain('// packages/contract/src/');
  });

  it('a command that asks the server: neither server nor builder', () => {
    expect(packagesIn(readWith(partOf('device')))).toEqual(['cli', 'contract', 'sdk', 'yaml', 'zod']);
  });

  it.each(['fastify', 'kysely', 'builder'])('the supervisor and the boot plane: no %s', (name) => {
    expect(packagesIn(readWith(partOf('serve')))).not.toContain(name);
    expect(packagesIn(readWith(partOf('boot-plane')))).not.toContain(name);
    expect(packagesIn(readWith(partOf('control-plane')))).toContain(name);
  });

  it('the supervisor and the boot plane: no patterns of TFTP rules, which few have', () => {
    expect(packagesIn(readWith(partOf('serve')))).not.toContain('re2js');
    expect(packagesIn(readWith(partOf('boot-plane')))).not.toContain('re2js');
    expect(packagesIn(readWith(partOf('patterns')))).toContain('re2js');
  });

  it('the supervisor: neither disks nor the initramfs', () => {
    const packages = packagesIn(readWith(partOf('serve')));
    expect(packages).not.toContain('disk-image');
    expect(packages).not.toContain('initramfs');
  });

  it('the control plane with SQLite: no client of PostgreSQL', () => {
    expect(packagesIn(readWith(partOf('control-plane')))).not.toContain('pg');
  });

  it('a thread that reads boot files: no schema', () => {
    expect(packagesIn(readWith('boot-files-thread.js'))).not.toContain('zod');
  });
});

describe('what runs', () => {
  it('needs no package but those with native code', () => {
    const imported = new Set(readdirSync(bundle).flatMap(importsOf));
    const packages = [...imported].filter((name) => !name.startsWith('./') && !isBuiltin(name));
    expect(packages).toEqual(['@photostructure/sqlite']);
  });

  it('is one file where it is sent to another host', () => {
    expect(importsOf('builder-main.js').filter((name) => !isBuiltin(name))).toEqual([]);
  });
});
