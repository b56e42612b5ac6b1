import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { deviceFolder } from './initramfs-shell.js';

// sd-layout in busybox, on cards that sfdisk and mkfs.vfat made and sfdisk judges.

const execute = promisify(execFile);
const runs = Math.max(5, Math.round(20 * Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? 1)));
const seed = Number(process.env['DROVER_TEST_SEED'] ?? 1);
const boot = { start: 2048, size: 131_072 };

let dir: string;
let card: string;
const sh = (script: string) => execute('sh', ['-euc', script, 'sh', card]);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'drv-layout-'));
  card = join(dir, 'card.img');
  await writeFile(card, '');
  await truncate(card, 128 << 20);
  await sh(`echo "start=${boot.start},size=${boot.size},type=c" | sfdisk -q "$1"
    mkfs.vfat --offset ${boot.start} -F 32 "$1" ${boot.size / 2} >/dev/null
    echo kept >${dir}/kept && mcopy -i "$1@@${boot.start * 512}" ${dir}/kept ::/kept`);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

interface Entry {
  readonly number: number;
  readonly start: number;
  readonly size: number;
  readonly type: string;
}
const first: Entry = { number: 1, ...boot, type: 'c' };
const dumpOf = (entries: readonly Entry[]): string =>
  [
    ...['label: dos', 'label-id: 0x12345678', 'device: /dev/mmcblk0', 'unit: sectors', ''],
    ...entries.map(
      ({ number, start, size, type }) => `/dev/mmcblk0p${number} : start=${start}, size=${size}, type=${type}`,
    ),
    '',
  ].join('\n');

async function apply(dump: string): Promise<string> {
  await writeFile(join(dir, 'dump'), dump);
  return execute('busybox', ['sh', join(deviceFolder, 'lib/sd-layout'), card, join(dir, 'dump')]).then(
    ({ stdout }) => stdout.trim(),
    ({ stderr }: { stderr: string }) => `refused: ${stderr.trim()}`,
  );
}

async function table(): Promise<Entry[]> {
  const { stdout } = await execute('sfdisk', ['--json', card]);
  const { partitiontable } = JSON.parse(stdout) as {
    partitiontable: { partitions: { node: string; start: number; size: number; type: string }[] };
  };
  return partitiontable.partitions.map(({ node, start, size, type }) => ({
    ...{ number: Number(/\d+$/.exec(node)?.[0]), start, size, type },
  }));
}

const filesOf = async (): Promise<string> =>
  (await execute('mtype', ['-i', `${card}@@${boot.start * 512}`, '::/kept'])).stdout;

test('a dump of sfdisk is on the card then, its boot files as before; a second time changes nothing', async () => {
  const wanted = [
    first,
    { number: 2, start: 133_120, size: 100_000, type: '83' },
    { number: 4, start: 233_472, size: 8192, type: '82' },
  ];
  expect(await apply(dumpOf(wanted))).toBe('changed');
  expect(await table()).toEqual(wanted);
  expect(await filesOf()).toBe('kept\n');
  expect(await apply(dumpOf(wanted))).toBe('same');
});

test('what the board keeps stays in a slot that the dump leaves free', async () => {
  await sh(`echo "start=241664,size=16384,type=83" | sfdisk -q -a "$1"
    mke2fs -q -F -t ext4 -L drover-data -E offset=$((241664 * 512)) "$1" 8192`);
  const second = { number: 2, start: 133_120, size: 100_000, type: '83' };
  expect(await apply(dumpOf([first, second]))).toBe('changed');
  expect(await table()).toEqual([first, second, { number: 3, start: 241_664, size: 16_384, type: '83' }]);
  const over = { number: 2, start: 133_120, size: 120_000, type: '83' };
  expect(await apply(dumpOf([first, over]))).toBe('changed');
  expect(await table()).toEqual([first, over]);
});

const labelAt = async (start: number): Promise<string> =>
  execute('blkid', ['-p', '-O', String(start * 512), '-s', 'LABEL', '-o', 'value', card]).then(
    ({ stdout }) => stdout.trim(),
    () => 'none',
  );

test('what has to go is not taken for the board’s own again, and what the dump itself has stays', async () => {
  const kept = { number: 2, start: 133_120, size: 100_000, type: '83' };
  await sh(`echo "start=133120,size=100000,type=83" | sfdisk -q -a "$1"
    mke2fs -q -F -t ext4 -L drover-data -E offset=$((133120 * 512)) "$1" 50000`);
  const more = { number: 3, start: 241_664, size: 16_384, type: '82' };
  expect(await apply(dumpOf([first, kept, more]))).toBe('changed');
  expect(await labelAt(kept.start)).toBe('drover-data');
  const theirs = { ...kept, size: 50_000 };
  expect(await apply(dumpOf([first, theirs]))).toBe('changed');
  expect(await table()).toEqual([first, theirs]);
  expect(await labelAt(kept.start)).toBe('none');
});

test.each([
  ['moves the boot files', dumpOf([{ ...first, start: 4096, size: 129_024 }]), 'partition 1 begins at 2048'],
  ['cuts their file system', dumpOf([{ ...first, size: 131_071 }]), 'its file system has 131072'],
  ['has no first partition', dumpOf([{ ...first, number: 2 }]), 'it has no partition 1'],
  ['overlaps', dumpOf([first, { number: 2, start: 133_119, size: 10, type: '83' }]), 'lies over partition 1'],
  ['ends behind the card', dumpOf([first, { number: 2, start: 262_140, size: 9, type: '83' }]), 'behind the card'],
  ['is extended', dumpOf([first, { number: 2, start: 133_120, size: 9, type: '5' }]), 'extended'],
  ['names five', dumpOf([first, { number: 5, start: 133_120, size: 9, type: '83' }]), 'partition 5'],
  ['is a GPT', 'label: gpt\n', 'the label is gpt'],
  ['has another unit', 'label: dos\nunit: cylinders\n', 'the unit is cylinders'],
  ['is empty', '', 'it has no partition 1'],
])('a dump that %s is refused, and nothing is written', async (_, dump, reason) => {
  const before = await readFile(card);
  expect(await apply(dump)).toContain(reason);
  expect(before.equals(await readFile(card))).toBe(true);
});

test('whatever a dump says, the boot files stay', async () => {
  const entry = fc.record({
    number: fc.integer({ min: 0, max: 6 }),
    start: fc.oneof(fc.constant(boot.start), fc.integer({ min: 0, max: 600_000 })),
    size: fc.oneof(fc.constant(boot.size), fc.integer({ min: 0, max: 600_000 })),
    type: fc.constantFrom('c', '83', '5', '0', 'xyz', '$(reboot)'),
  });
  const fitting = fc.record({
    number: fc.integer({ min: 2, max: 4 }),
    start: fc.integer({ min: 133_120, max: 200_000 }),
    size: fc.integer({ min: 1, max: 60_000 }),
    type: fc.constantFrom('83', 'c', '82'),
  });
  const dumps = fc.oneof(
    fitting.map((second) => dumpOf([first, second])),
    fc.array(entry, { maxLength: 5 }).map((entries) => dumpOf([first, ...entries])),
    fc.array(entry, { maxLength: 4 }).map(dumpOf),
    fc.string({ maxLength: 200 }),
  );
  let changed = 0;
  await fc.assert(
    fc.asyncProperty(dumps, async (dump) => {
      if ((await apply(dump)) === 'changed') changed++;
      const [one] = await table();
      expect(one?.start).toBe(boot.start);
      expect(one?.size).toBeGreaterThanOrEqual(boot.size);
      expect(await filesOf()).toBe('kept\n');
    }),
    { numRuns: runs, seed },
  );
  expect(changed).toBeGreaterThan(0);
  console.log(`fuzz device/sd-layout: ${runs} cases, ${changed} of them written`);
}, 600_000);
