import { describe, expect, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { applied, enlarged, withChecksums } from '../../test/support/growth.js';
import {
  memorySource,
  planPartitionGrowth,
  readPartitionTable,
  type PartitionGrowth,
  type RandomAccess,
} from '../index.js';

const MiB = 1024 * 1024;

const growth = (disk: Uint8Array, number = 2): Promise<PartitionGrowth> =>
  planPartitionGrowth(memorySource(disk), number);

async function grow(disk: Uint8Array, number = 2): Promise<Uint8Array> {
  const plan = await growth(disk, number);
  if (plan.kind !== 'growth') throw new Error(plan.kind);
  return applied(disk, plan.steps);
}

/** A boot record with these slots: type, start and length in sectors. */
function record(disk: Uint8Array, sector: number, slots: readonly (readonly [number, number, number])[]): void {
  const view = new DataView(disk.buffer, sector * 512, 512);
  view.setUint16(510, 0xaa55, true);
  for (const [i, [type, start, sectors]] of slots.entries()) {
    view.setUint8(446 + i * 16 + 4, type);
    view.setUint32(446 + i * 16 + 8, start, true);
    view.setUint32(446 + i * 16 + 12, sectors, true);
  }
}

describe('the last partition of a disk that became larger', () => {
  it.each(['card', 'gpt', 'gpt4k'] as const)('of %s reaches to its end', async (name) => {
    const disk = enlarged(corpusImage(name), 8 * MiB);
    const plan = await growth(disk);
    expect(plan).toMatchObject({ kind: 'growth' });
    const before = await readPartitionTable(memorySource(disk));
    const grown = await grow(disk);
    const after = await readPartitionTable(memorySource(grown));
    expect(after.partitions[0]).toEqual(before.partitions[0]);
    const [, root] = after.partitions;
    expect(root).toEqual({ ...before.partitions[1], length: root?.length });
    const end = (root?.offset ?? 0) + (root?.length ?? 0);
    expect(end % MiB).toBe(0);
    expect(disk.length - end).toBeLessThan(2 * MiB);
    expect(await growth(grown)).toEqual({ kind: 'none' });
  });

  it('may become larger again', async () => {
    const once = await grow(enlarged(corpusImage('gpt'), 4 * MiB));
    const twice = await grow(enlarged(once, 4 * MiB));
    const [, root] = (await readPartitionTable(memorySource(twice))).partitions;
    expect((root?.offset ?? 0) + (root?.length ?? 0)).toBe(8 * MiB);
    // The backup as well is a table of all of it.
    expect(await readPartitionTable(memorySource(twice.fill(0, 512, 512 * 34)))).toMatchObject({
      partitions: [{ number: 1 }, { number: 2, length: root?.length }],
    });
  });

  it('is left alone where there is next to no room', async () => {
    expect(await growth(corpusImage('card'))).toEqual({ kind: 'none' });
    expect(await growth(enlarged(corpusImage('card'), MiB / 4))).toEqual({ kind: 'none' });
    expect(await growth(corpusImage('gpt'))).toEqual({ kind: 'none' });
  });

  it('is grown with the extended partition around it when it is the only logical one', async () => {
    const disk = new Uint8Array(8 * MiB);
    record(disk, 0, [
      [0x0c, 8, 100],
      [0x05, 2048, 1000],
    ]);
    record(disk, 2048, [[0x83, 8, 500]]);
    const after = await readPartitionTable(memorySource(await grow(disk, 5)));
    expect(after.partitions).toMatchObject([
      { number: 1, length: 100 * 512 },
      { number: 2, offset: MiB, length: 7 * MiB },
      { number: 5, offset: 2056 * 512, length: 8 * MiB - 2056 * 512 },
    ]);
  });

  it('cannot grow beyond what 32 bits count', async () => {
    const disk = new Uint8Array(MiB);
    record(disk, 0, [[0x83, 8, 500]]);
    const source = memorySource(disk);
    const huge: RandomAccess = { size: 4096 * 1024 * MiB, read: (at, length) => source.read(at, length) };
    expect(await planPartitionGrowth(huge, 1)).toMatchObject({ kind: 'growth', after: (2 ** 32 - 2048 - 8) * 512 });
  });
});

describe('no partition is grown, for a reason that is told,', () => {
  const why = async (disk: Uint8Array, number: number): Promise<string> => {
    const plan = await growth(disk, number);
    return plan.kind === 'blocked' ? plan.why : plan.kind;
  };

  it('when it is not the last, or not there, or only holds others', async () => {
    const card = enlarged(corpusImage('card'), 4 * MiB);
    expect(await why(card, 1)).toBe('partition 2 lies behind it');
    expect(await why(card, 3)).toBe('there is no partition 3');
    const logical = enlarged(corpusImage('mbr'), 4 * MiB);
    expect(await why(logical, 3)).toBe('partition 3 is an extended one');
    expect(await why(logical, 6)).toMatch(/lies behind it|several logical/);
  });

  it('when an empty extended partition follows', async () => {
    const disk = new Uint8Array(8 * MiB);
    record(disk, 0, [
      [0x83, 8, 100],
      [0x05, 2048, 1000],
    ]);
    expect(await why(disk, 1)).toBe('the extended partition 2 lies behind it');
  });

  it('when an MBR with partitions of its own lies before a GPT', async () => {
    const disk = enlarged(corpusImage('gpt'), 4 * MiB);
    record(disk, 0, [
      [0xee, 1, 39],
      [0x0c, 40, 20],
    ]);
    expect(await why(disk, 2)).toBe('the disk has an MBR with partitions beside its GPT');
  });

  it('when a partition lies over its GPT', async () => {
    const disk = enlarged(corpusImage('gpt'), 4 * MiB);
    new DataView(disk.buffer).setBigUint64(1024 + 32, 1n, true);
    expect(await why(withChecksums(disk), 2)).toBe('the entries of its GPT are not before the first partition');
  });
});
