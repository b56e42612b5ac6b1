import { truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readPartitionTable, type PartitionTable } from '../../src/index.js';
import { announceRuns, createRandom, seed } from '../support/runs.js';
import { withFile, run, useWorkFolder } from '../support/tools.js';

const at = useWorkFolder();
const megabytes = 64;

interface SfdiskTable {
  partitiontable: {
    label: string;
    id: string;
    sectorsize?: number;
    partitions?: {
      node: string;
      start: number;
      size: number;
      type: string;
      uuid?: string;
      name?: string;
      bootable?: boolean;
    }[];
  };
}

async function readBoth(image: string): Promise<{ ours: PartitionTable; theirs: SfdiskTable['partitiontable'] }> {
  const theirs = (JSON.parse(run('sfdisk', ['-J', image]).toString()) as SfdiskTable).partitiontable;
  return { ours: await withFile(image, (source) => readPartitionTable(source)), theirs };
}

/** Both tables in one form. */
function expectSame(ours: PartitionTable, theirs: SfdiskTable['partitiontable'], image: string): void {
  expect(ours.scheme).toBe(theirs.label === 'dos' ? 'mbr' : 'gpt');
  expect(ours.diskId).toBe(theirs.id.toLowerCase().replace(/^0x/u, ''));
  const wanted = (theirs.partitions ?? []).map((partition) => ({
    number: Number(partition.node.slice(image.length)),
    start: partition.start,
    size: partition.size,
    type: partition.type.toLowerCase().padStart(2, '0'),
    bootable: partition.bootable ?? false,
    ...(theirs.label === 'gpt' ? { uuid: partition.uuid?.toLowerCase(), name: partition.name } : {}),
  }));
  const found = ours.partitions.map((partition) => ({
    number: partition.number,
    start: partition.offset / ours.sectorSize,
    size: partition.length / ours.sectorSize,
    type: partition.type,
    bootable: ours.scheme === 'mbr' && partition.bootable === true,
    ...(ours.scheme === 'gpt' ? { uuid: partition.partuuid, name: partition.name } : {}),
  }));
  expect(found).toEqual(wanted);
}

function emptyImage(name: string): string {
  const image = at(name);
  writeFileSync(image, '');
  truncateSync(image, megabytes * 1024 * 1024);
  return image;
}

describe('partition tables made by sfdisk', () => {
  it('of the MBR kind, with logical partitions, are read as sfdisk reads them', async () => {
    const runs = announceRuns('interop mbr', 12);
    const random = createRandom(seed);
    for (let i = 0; i < runs; i++) {
      const image = emptyImage('mbr.img');
      const logical = Math.floor(random() * 8);
      const primary = Array.from({ length: Math.floor(random() * 3) + 1 }, (_, p) => {
        const type = ['c', '83', 'e', '82'][Math.floor(random() * 4)];
        return `size=${Math.floor(random() * 8000) + 100}, type=${type}${p === 0 && random() < 0.5 ? ', bootable' : ''}`;
      });
      const within = Array.from({ length: logical }, () => `size=${Math.floor(random() * 3000) + 64}, type=83`);
      const extended = logical > 0 ? [`type=${random() < 0.5 ? '5' : 'f'}`, ...within] : [];
      run('sfdisk', ['-q', image], { input: ['label: dos', ...primary, ...extended].join('\n') });
      const { ours, theirs } = await readBoth(image);
      expectSame(ours, theirs, image);
      const blkid = run('blkid', ['-p', '-o', 'value', '-s', 'PTUUID', image]).toString().trim();
      expect(ours.diskId).toBe(blkid);
    }
  });

  it('of the GPT kind are read as sfdisk reads them, also from the backup', async () => {
    const runs = announceRuns('interop gpt', 8);
    const random = createRandom(seed + 1);
    for (let i = 0; i < runs; i++) {
      const image = emptyImage('gpt.img');
      const partitions = Array.from({ length: Math.floor(random() * 12) + 1 }, (_, p) => {
        return `size=${Math.floor(random() * 6000) + 100}, type=linux, name="part ${p} ❤"`;
      });
      const script = [`label: gpt`, `table-length: ${[128, 56, 4 * 32][i % 3]}`, ...partitions].join('\n');
      run('sfdisk', ['-q', image], { input: script });
      const { ours, theirs } = await readBoth(image);
      expectSame(ours, theirs, image);
      run('dd', ['if=/dev/zero', `of=${image}`, 'bs=512', 'seek=1', 'count=33', 'conv=notrunc', 'status=none']);
      expect(await withFile(image, (source) => readPartitionTable(source))).toEqual(ours);
    }
  });
});
