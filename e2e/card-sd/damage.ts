/** Damages cards from outside, with programs that know nothing of Drover. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { run } from '../inputs/run.js';

const sector = 512;
const part = { boot: 0, data: 1 } as const;

/** Where a partition of a card begins, in bytes. */
async function startOf(card: string, partition: keyof typeof part): Promise<number> {
  const { stdout } = await run(['sfdisk', '--json', card]);
  const { partitiontable } = JSON.parse(stdout) as { partitiontable: { partitions: { start: number }[] } };
  const found = partitiontable.partitions[part[partition]];
  if (found === undefined) throw new Error(`${card} has no ${partition} partition`);
  return found.start * sector;
}

function overwrite(card: string, offset: number, bytes: Buffer): void {
  const file = openSync(card, 'r+');
  writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
}

const debugfs = (card: string, offset: number, request: string): string =>
  execFileSync('debugfs', ['-R', request, `${card}?offset=${offset}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();

/** Replays the journal of what the board keeps: its power went, and debugfs reads past one. */
export async function settle(card: string): Promise<void> {
  await run(['debugfs', '-w', '-R', 'journal_run', `${card}?offset=${await startOf(card, 'data')}`]);
}

/** Names in a folder of what the board keeps. */
export async function keptFiles(card: string, folder: string): Promise<string[]> {
  const listed = debugfs(card, await startOf(card, 'data'), `ls -p ${folder}`);
  return listed
    .split('\n')
    .map((line) => line.split('/')[5] ?? '')
    .filter((name) => name !== '' && name !== '.' && name !== '..');
}

/** Bytes of a file that the board keeps. */
export const keptBytes = async (card: string, file: string): Promise<Buffer> =>
  execFileSync('debugfs', ['-R', `cat ${file}`, `${card}?offset=${await startOf(card, 'data')}`], {
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 30,
  });

/** Where each block of a file that the board keeps is on the card, in bytes, and how long a block is. */
async function blocksOf(card: string, file: string): Promise<{ size: number; places: number[] }> {
  const start = await startOf(card, 'data');
  const size = Number(/^Block size: +(\d+)$/m.exec(debugfs(card, start, 'stats'))?.[1]);
  const blocks = debugfs(card, start, `blocks ${file}`).trim().split(/\s+/).map(Number);
  if (!(Number(blocks[0]) > 0)) throw new Error(`${file} is not on the card`);
  return { size, places: blocks.map((block) => start + block * size) };
}

/** Other bytes in one block of a file that the board keeps, as a worn card gives them. */
export async function damageKept(card: string, file: string): Promise<void> {
  const { size, places } = await blocksOf(card, file);
  overwrite(card, places[Math.floor(places.length / 2)] ?? 0, randomBytes(size));
}

/** Writes what a board remembers with other values, whole: as a board writes it that had them. */
export async function rewriteRecords(card: string, change: (lines: string) => string): Promise<void> {
  const files = (await keptFiles(card, '/')).filter((name) => name.startsWith('record.'));
  for (const file of files.map((name) => `/${name}`)) {
    const kept = (await keptBytes(card, file)).toString().replaceAll('\0', '');
    const lines = change(kept.replace(/^sum=.*\n/m, ''));
    const digest = createHash('sha256').update(lines).digest('hex');
    const bytes = Buffer.alloc(2048);
    bytes.write(`${lines}sum=${digest}\n`);
    overwrite(card, (await blocksOf(card, file)).places[0] ?? 0, bytes);
  }
}

/** A file of the boot partition with other content. */
export async function replaceOnBoot(card: string, file: string, change: (before: Buffer) => Buffer): Promise<void> {
  const at = `${card}@@${await startOf(card, 'boot')}`;
  const copy = `${card}.file`;
  await run(['mcopy', '-n', '-o', '-i', at, `::${file}`, copy]);
  writeFileSync(copy, change(readFileSync(copy)));
  await run(['mcopy', '-o', '-i', at, copy, `::${file}`]);
}

/** A file with some bytes in its middle that are others. */
export function damaged(before: Buffer): Buffer {
  const after = Buffer.from(before);
  randomBytes(Math.min(4096, after.length)).copy(after, Math.floor(after.length / 2));
  return after;
}
