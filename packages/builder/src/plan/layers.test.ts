import { describe, expect, it } from 'vitest';
import { planLayers, type LayerWork } from './layers.js';

const of = (name: string, version = '1') => ({
  ...{ name, version, architecture: 'arm64', size: 1, source: name },
  sha256: Buffer.from(`${name}${version}`).toString('hex').padEnd(64, '0'),
});
const times = new Map([
  [of('libc6').sha256, 1000],
  [of('nano').sha256, 500],
  [of('vim').sha256, 2000],
]);
const plan = (works: LayerWork[]) => planLayers(works, (sha256) => times.get(sha256) ?? 0);

const system: LayerWork = { kind: 'system', suite: 'bookworm', architecture: 'arm64', packages: [of('libc6')] };
const install = (name: string): LayerWork => ({ kind: 'packages', install: [of(name)], remove: [] });
const motd = (letter: string): LayerWork => ({
  kind: 'files',
  files: [{ kind: 'file', path: '/etc/motd', sha256: letter.repeat(64), mode: '0644', owner: 'root', group: 'root' }],
});

describe('the layers of a build', () => {
  it('are called the same when they are the same, in whatever order their facts stand', () => {
    const turned: LayerWork = { packages: [of('libc6')], architecture: 'arm64', suite: 'bookworm', kind: 'system' };
    expect(plan([turned, motd('a')])).toEqual(plan([system, motd('a')]));
  });

  it('keep their names up to the first one that differs, and none behind it', () => {
    const keys = (works: LayerWork[]) => plan(works).map(({ key }) => key);
    const [one, two] = [
      keys([system, install('nano'), motd('a'), motd('c')]),
      keys([system, install('nano'), motd('b'), motd('c')]),
    ];
    expect(one.map((key, i) => key === two[i])).toEqual([true, true, false, false]);
    expect(new Set([...one, ...two]).size).toBe(6);
  });

  it('carry the time of the newest package in them or below', () => {
    const epochs = (works: LayerWork[]) => plan(works).map(({ epoch }) => epoch);
    expect(epochs([system, install('nano'), motd('a')])).toEqual([1000, 1000, 1000]);
    expect(epochs([system, install('vim'), motd('a')])).toEqual([1000, 2000, 2000]);
    expect(epochs([{ kind: 'image', sha256: 'a'.repeat(64), epoch: 1500 }, install('nano'), install('vim')])).toEqual([
      1500, 1500, 2000,
    ]);
  });
});
