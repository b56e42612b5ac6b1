import { describe, expect, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { expectRefusal, patched } from '../../test/support/expect.js';
import { memorySource } from '../source.js';
import { readPartitionTable } from './table.js';

const read = (image: Uint8Array, sectorSize?: number) =>
  readPartitionTable(memorySource(image), sectorSize === undefined ? {} : { sectorSize });

const slotAt = (slot: number): number => 446 + (slot - 1) * 16;

/** An MBR with slots of [type, first sector, sectors], in an image of 64 sectors. */
function mbr(...slots: [type: number, start: number, sectors: number][]): Uint8Array {
  const image = new Uint8Array(64 * 512);
  const writeSlots = slots.flatMap(([type, start, sectors], i): Parameters<typeof patched>[1][] => [
    [slotAt(i + 1) + 4, 1, type],
    [slotAt(i + 1) + 8, 4, start],
    [slotAt(i + 1) + 12, 4, sectors],
  ]);
  return patched(image, [510, 2, 0xaa55], [440, 4, 0xcafe], ...writeSlots);
}

describe('an MBR', () => {
  it('lists primary, extended and logical partitions as Linux numbers them', async () => {
    const table = await read(corpusImage('mbr'));
    expect(table).toMatchObject({ scheme: 'mbr', diskId: '1234abcd', sectorSize: 512 });
    expect(table.partitions).toEqual([
      { number: 1, offset: 512, length: 51200, type: '0c', partuuid: '1234abcd-01', bootable: true },
      { number: 2, offset: 101 * 512, length: 25600, type: '83', partuuid: '1234abcd-02' },
      { number: 3, offset: 160 * 512, length: 340 * 512, type: '05', partuuid: '1234abcd-03', extended: true },
      { number: 5, offset: 161 * 512, length: 20 * 512, type: '83', partuuid: '1234abcd-05' },
      { number: 6, offset: 190 * 512, length: 30 * 512, type: '82', partuuid: '1234abcd-06' },
      { number: 7, offset: 230 * 512, length: 40 * 512, type: '83', partuuid: '1234abcd-07' },
    ]);
  });

  it('pads its signature and keeps the numbers of free slots', async () => {
    const table = await read(mbr([0x0c, 1, 10], [0, 0, 0], [0x83, 20, 44]));
    expect(table.diskId).toBe('0000cafe');
    expect(table.partitions.map(({ number, partuuid }) => [number, partuuid])).toEqual([
      [1, '0000cafe-01'],
      [3, '0000cafe-03'],
    ]);
  });

  it('counts in sectors of 4096 bytes when told so', async () => {
    const table = await read(mbr([0x0c, 1, 2]), 4096);
    expect(table.partitions[0]).toMatchObject({ offset: 4096, length: 8192 });
  });

  it('takes an extended partition that nothing was ever made in', async () => {
    expect((await read(mbr([0x0f, 10, 20]))).partitions).toHaveLength(1);
  });

  it.each([
    ['past the end', mbr([0x0c, 1, 64]), 'image.partition.past-end'],
    ['of 2^32 sectors', mbr([0x0c, 1, 0xffffffff]), 'image.partition.past-end'],
    ['far outside', mbr([0x0c, 0xffffffff, 1]), 'image.partition.past-end'],
    ['over one another', mbr([0x0c, 1, 20], [0x83, 20, 10]), 'image.partition.overlap'],
    ['over the table', mbr([0x0c, 0, 20]), 'image.partition.overlap'],
    ['in an extended one past the end', mbr([0x05, 5000, 10]), 'image.partition.past-end'],
  ] as const)('refuses partitions %s', async (_, image, code) => {
    await expectRefusal(() => read(image), code);
  });

  it('refuses a chain of logical partitions that returns, and one without end', async () => {
    const loop = mbr([0x05, 10, 50]);
    // The record in sector 10 names itself as the next one.
    const looping = patched(
      loop,
      [10 * 512 + 510, 2, 0xaa55],
      [10 * 512 + slotAt(2) + 4, 1, 5],
      [10 * 512 + slotAt(2) + 12, 4, 5],
    );
    await expectRefusal(() => read(looping), 'image.partition.loop');

    const long = new Uint8Array(200 * 512);
    long.set(mbr([0x05, 1, 190]).subarray(0, 512));
    const records = Array.from({ length: 150 }, (_, i): Parameters<typeof patched>[1][] => [
      [(i + 1) * 512 + 510, 2, 0xaa55],
      [(i + 1) * 512 + slotAt(2) + 4, 1, 5],
      [(i + 1) * 512 + slotAt(2) + 8, 4, i + 1],
      [(i + 1) * 512 + slotAt(2) + 12, 4, 1],
    ]).flat();
    await expectRefusal(() => read(patched(long, ...records)), 'image.partition.count');
  });

  it('refuses a chain that is broken', async () => {
    const image = mbr([0x05, 10, 50]);
    const broken = patched(
      image,
      [10 * 512 + 510, 2, 0xaa55],
      [10 * 512 + slotAt(2) + 4, 1, 5],
      [10 * 512 + slotAt(2) + 8, 4, 7],
      [10 * 512 + slotAt(2) + 12, 4, 5],
    );
    await expectRefusal(() => read(broken), 'image.partition.corrupt');
  });

  it.each([
    ['zeros', new Uint8Array(4096)],
    ['text', new TextEncoder().encode('hello '.repeat(200))],
    ['a bare file system', corpusImage('fat12')],
  ])('says that %s are no partition table', async (_, image) => {
    const copy = patched(image, [slotAt(1), 1, 0x20]);
    await expectRefusal(() => read(copy), 'image.no-partition-table');
  });

  it('says when even the first sector is not there', async () => {
    await expectRefusal(() => read(new Uint8Array(100)), 'image.truncated');
  });
});

describe('a GPT', () => {
  const partitions = (sector: number, first: [number, number], second: [number, number]) => [
    {
      number: 1,
      offset: first[0] * sector,
      length: first[1] * sector,
      type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
      partuuid: '11111111-2222-3333-4444-555555555555',
      name: 'boot ❤',
    },
    {
      number: 2,
      offset: second[0] * sector,
      length: second[1] * sector,
      type: '0fc63daf-8483-4772-8e79-3d69d8477de4',
      partuuid: '66666666-7777-8888-9999-aaaaaaaaaaaa',
      name: 'root',
      bootable: true,
    },
  ];

  it('is read with sectors of 512 and of 4096 bytes', async () => {
    const small = await read(corpusImage('gpt'));
    expect(small).toMatchObject({ scheme: 'gpt', sectorSize: 512, diskId: '6b1d4a4e-0d0c-4a5e-9a57-0123456789ab' });
    expect(small.partitions).toEqual(partitions(512, [40, 20], [64, 100]));
    const large = await read(corpusImage('gpt4k'));
    expect(large.sectorSize).toBe(4096);
    expect(large.partitions).toEqual(partitions(4096, [6, 4], [12, 20]));
  });

  it.each(['gpt', 'gpt4k'] as const)(
    'of %s comes from the backup when its header or entries are damaged',
    async (name) => {
      const image = corpusImage(name);
      const sector = name === 'gpt' ? 512 : 4096;
      const whole = await read(image);
      expect(await read(patched(image, [sector + 40, 4, 7]))).toEqual(whole);
      expect(await read(patched(image, [sector * 2 + 33, 1, 7]))).toEqual(whole);
      expect(await read(patched(image, [sector, 4, 0]))).toEqual(whole);
    },
  );

  it('is refused when both copies are damaged, or the image is cut', async () => {
    const image = corpusImage('gpt');
    const last = image.length - 512;
    const refusal = await expectRefusal(() => read(patched(image, [512, 4, 0], [last, 4, 0])), 'image.gpt.corrupt');
    expect(refusal.message).toContain('backup header for 512-byte sectors');
    await expectRefusal(() => read(image.slice(0, 512)), 'image.gpt.corrupt');
    await expectRefusal(() => read(image.slice(0, 512 * 100)), 'image.partition.past-end');
  });
});
