import { parsePackageList } from '@drover/debian';
import { describe, expect, it } from 'vitest';
import type { Recipe } from '../recipe/recipe.js';
import { checkLock, lockText, parseLock } from './lock-file.js';
import type { PackageLock, PackageStep } from './lock.js';

const listed = (name: string) =>
  parsePackageList(
    `Package: ${name}\nVersion: 1\nArchitecture: arm64\nDepends: libc6\nFilename: pool/${name}.deb\nSize: 1\nSHA256: ${'ab'.repeat(32)}\n`,
  );
const step = (...names: string[]): PackageStep => ({ install: names.flatMap(listed), remove: [], asked: names });
const lock: PackageLock = {
  ...{ system: step('libc6'), boot: step('linux-image-arm64', 'raspi-firmware', 'init'), steps: [step('nano')] },
  installed: ['libc6', 'nano'].flatMap(listed),
  kept: [{ name: 'raspberrypi-sys-mods', version: '1', architecture: 'all', source: 'raspberrypi-sys-mods' }],
};
const recipeWith = (...packages: string[]) =>
  ({
    base: { kind: 'suite' },
    ...{ kernel: { package: null, firmware: null }, architecture: 'arm64' },
    steps: [{ name: 'sign', packages, removePackages: [] }],
  }) as unknown as Recipe;

describe('a list of packages', () => {
  it('is read back as it was, with what the lists said of each', () => {
    const again = parseLock('packages.lock.json', lockText(lock));
    expect(again).toEqual(lock);
    expect([...(again.steps[0]?.install[0]?.stanza.keys() ?? [])]).toEqual([
      ...(lock.steps[0]?.install[0]?.stanza.keys() ?? []),
    ]);
  });

  it('fits the recipe it was made for, whatever versions that names', () => {
    expect(() => checkLock('l.json', lock, recipeWith('nano'))).not.toThrow();
    expect(() => checkLock('l.json', lock, recipeWith('nano=1'))).not.toThrow();
  });

  it.each([
    ['other packages', recipeWith('vim'), 'l.json is for other packages of sign: nano'],
    ['another chain', { ...recipeWith('nano'), steps: [] }, 'l.json is for another chain of recipes'],
    [
      'another kernel',
      { ...recipeWith('nano'), kernel: { package: 'linux-image-rpi', firmware: null } },
      'l.json is for another kernel or firmware',
    ],
  ])('is refused for %s', (_what, recipe, says) => {
    expect(() => checkLock('l.json', lock, recipe)).toThrow(says);
  });

  it.each([
    '',
    '{}',
    '[]',
    lockText(lock).slice(0, -20),
    lockText(lock).replace('"format":1', '"format":2'),
    lockText(lock).replace('abab', 'zz'),
  ])('is refused when it is none: %#', (text) => {
    expect(() => parseLock('l.json', text)).toThrow(/^l\.json is no list of packages: /);
  });
});
