import { readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');
const packages = readdirSync(join(root, 'packages'));

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Packages of others that run with ours. Our own are the business of the import rules. */
const declared = (name: string): string[] => {
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    read('packages', name, 'package.json'),
  ) as Manifest;
  return Object.keys({ ...dependencies, ...optionalDependencies }).filter((each) => !each.startsWith('@drover/'));
};

/** `kysely` of `kysely/helpers`, `@fastify/swagger` of itself. */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

const imported = (name: string): Set<string> => {
  const folder = join('packages', name, 'src');
  const sources = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.tsx?$/.test(file) && !file.endsWith('.test.ts'),
  );
  const specifiers = sources
    .flatMap((file) => [...read(folder, file).matchAll(/(?:\bfrom |\bimport\()'([^'.\s][^'\s]*)'/g)])
    .map(([, specifier = '']) => specifier);
  return new Set(specifiers.filter((each) => !isBuiltin(each) && !each.startsWith('@drover/')).map(packageOf));
};

describe.each(packages)('package %s', (name) => {
  it('depends on what its sources import, and on nothing else', () => {
    expect([...imported(name)].sort()).toEqual(declared(name).sort());
  });
});

describe('docs/decisions/dependencies.md', () => {
  it('has a line for every runtime dependency, and none for others', () => {
    const named = read('docs', 'decisions', 'dependencies.md')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !/^\| (package|-)/.test(line))
      .flatMap((line) => (line.split('|')[1] ?? '').split(','))
      .map((text) => text.trim().split(' ')[0]);
    expect(named.sort()).toEqual([...new Set(packages.flatMap(declared))].sort());
  });
});
