import { copyFileSync, openSync, closeSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { planPartitionGrowth, type PartitionGrowth } from '../../src/index.js';
import { announceRuns, createRandom, seed } from '../support/runs.js';
import { run, useWorkFolder, withFile } from '../support/tools.js';

const at = useWorkFolder();
const MiB = 1024 * 1024;

interface Slot {
  node: string;
  start: number;
  size: number;
}

const tableOf = (image: string): Slot[] =>
  (JSON.parse(run('sfdisk', ['-J', image]).toString()) as { partitiontable: { partitions: Slot[] } }).partitiontable
    .partitions;

/** Makes the file larger and carries out the plan for its partition. */
async function grow(image: string, size: number, number: number): Promise<PartitionGrowth> {
  truncateSync(image, size);
  const plan = await withFile(image, (source) => planPartitionGrowth(source, number));
  if (plan.kind !== 'growth') return plan;
  const file = openSync(image, 'r+');
  for (const { offset, bytes } of plan.steps.flat()) writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
  return plan;
}

function made(name: string, script: readonly string[], size = 64 * MiB): string {
  const image = at(name);
  writeFileSync(image, '');
  truncateSync(image, size);
  run('sfdisk', ['-q', image], { input: script.join('\n') });
  return image;
}

/** sgdisk ends well also when it finds problems: it says so. */
const verified = (image: string): string => run('sgdisk', ['--verify', image]).toString();

describe('a grown partition table', () => {
  it('of the MBR kind is one that sfdisk agrees with, and could not do better', { timeout: 600_000 }, async () => {
    const random = createRandom(seed);
    const runs = announceRuns('interop growth mbr', 8);
    for (let i = 0; i < runs; i++) {
      const boot = Math.floor(random() * 30) + 1;
      const nested = i % 2 === 1;
      const script = nested ? ['type=5', 'type=83'] : ['type=83'];
      const image = made('mbr.img', ['label: dos', `size=${boot}MiB, type=c, bootable`, ...script]);
      const before = tableOf(image);
      const size = (100 + Math.floor(random() * 4000)) * MiB + Math.floor(random() * 2000) * 512;
      expect(await grow(image, size, nested ? 5 : 2)).toMatchObject({ kind: 'growth' });
      const after = tableOf(image);
      expect(after.map(({ start }) => start)).toEqual(before.map(({ start }) => start));
      const [last] = after.slice(-1);
      expect(((last?.start ?? 0) + (last?.size ?? 0)) * 512).toBe(Math.floor(size / MiB) * MiB);
      expect(run('sfdisk', ['--verify', image]).toString()).toContain('No errors detected.');
      expect(after[0]).toEqual(before[0]);
    }
  });

  it('of the GPT kind is whole for sgdisk and sfdisk, backup included', { timeout: 600_000 }, async () => {
    const random = createRandom(seed + 1);
    const runs = announceRuns('interop growth gpt', 6);
    for (let i = 0; i < runs; i++) {
      const length = [128, 56, 256][i % 3];
      const image = made('gpt.img', [
        'label: gpt',
        `table-length: ${length}`,
        `size=${Math.floor(random() * 30) + 1}MiB, type=uefi, name="boot ❤"`,
        'type=linux, name="root"',
      ]);
      const before = tableOf(image);
      for (const more of [90, 170]) {
        const size = more * MiB + Math.floor(random() * 2000) * 512;
        expect(await grow(image, size, 2)).toMatchObject({ kind: 'growth' });
        expect(verified(image)).toContain('No problems found.');
        expect(run('sfdisk', ['--verify', image]).toString()).toContain('No errors detected.');
        const [boot, root] = tableOf(image);
        expect(boot).toEqual(before[0]);
        expect(root).toEqual({ ...before[1], size: root?.size });
        expect(size - ((root?.start ?? 0) + (root?.size ?? 0)) * 512).toBeLessThan(2 * MiB);
      }
      // The main copy destroyed: sgdisk reads the other one, and finds the same.
      const whole = run('sgdisk', ['-p', image]).toString();
      copyFileSync(image, at('torn.img'));
      run('dd', ['if=/dev/zero', `of=${at('torn.img')}`, 'bs=512', 'seek=1', 'count=1', 'conv=notrunc', 'status=none']);
      const fromBackup = run('sgdisk', ['-p', at('torn.img')]).toString();
      const rows = (text: string): string[] => text.split('\n').filter((line) => /^ +\d+ /.test(line));
      expect(rows(fromBackup)).toEqual(rows(whole));
    }
  });

  it('lets the file system in it be grown, with all it holds', async () => {
    const image = made('system.img', ['label: dos', 'size=8MiB, type=c', 'type=83']);
    const partition = (): { offset: number; length: number } => {
      const [, root] = tableOf(image);
      return { offset: (root?.start ?? 0) * 512, length: (root?.size ?? 0) * 512 };
    };
    writeFileSync(at('numbers'), Array.from({ length: 50_000 }, (_, i) => `${i}\n`).join(''));
    const options = ['-q', '-F', '-E', `offset=${partition().offset}`];
    run('mke2fs', [...options, '-t', 'ext4', image, `${partition().length / 1024}k`]);
    run('debugfs', ['-w', '-R', `write ${at('numbers')} numbers`, `${image}?offset=${partition().offset}`]);
    const { offset, length } = partition();
    expect(await grow(image, 300 * MiB, 2)).toMatchObject({ kind: 'growth', before: length, after: 291 * MiB });
    const root = at('root.img');
    run('dd', [
      `if=${image}`,
      `of=${root}`,
      'bs=1M',
      `skip=${offset / MiB}`,
      `count=${partition().length / MiB}`,
      'status=none',
    ]);
    run('e2fsck', ['-fn', root]);
    run('resize2fs', [root]);
    run('e2fsck', ['-fn', root]);
    const said = run('dumpe2fs', ['-h', root]).toString();
    const number = (name: string): number => Number(new RegExp(`^${name}: +(\\d+)$`, 'm').exec(said)?.[1]);
    expect(number('Block count') * number('Block size')).toBe(291 * MiB);
    expect(run('debugfs', ['-R', 'cat numbers', root]).length).toBe(run('cat', [at('numbers')]).length);
  });
});
