import { mkdirSync, mkdtempSync } from 'node:fs';
import path from 'node:path';
import { openDiskFile, type CardBoot } from '@drover/simulator';
import { cardState } from '../card-power/card-state.js';
import { cutCard, type CardVerdict } from '../card-power/cut-card.js';
import { knownSet, type KnownSet } from '../card-power/known-set.js';
import { run } from '../inputs/run.js';
import { drawMoments, keptOf, type Moment } from '../power/crash-states.js';
import { openWriteLog } from '../power/write-log.js';
import type { CardLog } from './card-board.js';

/** The fast image has no device tree of a Pi 5. */
const boots: readonly CardBoot[] = [{ board: '3b' }, { board: '4b' }, { board: '4b', tryboot: true }];

/** The partition of boot files, in bytes. */
async function bootPartition(card: string): Promise<{ start: number; end: number }> {
  const { stdout } = await run(['sfdisk', '--json', card]);
  const { partitiontable } = JSON.parse(stdout) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  const [first] = partitiontable.partitions;
  if (first === undefined) throw new Error(`${card} has no partitions`);
  return { start: first.start * 512, end: (first.start + first.size) * 512 };
}

/** The two sets of boot files of a card, as they are on it now. */
export async function setsOf(card: string): Promise<KnownSet[]> {
  const { start } = await bootPartition(card);
  const folder = mkdtempSync(`${card}.sets-`);
  const sets: KnownSet[] = [];
  for (const name of ['a', 'b']) {
    const set = path.join(folder, name);
    mkdirSync(set);
    await run(['mcopy', '-n', '-s', '-i', `${card}@@${start}`, `::drover/${name}/*`, set]);
    sets.push(knownSet(name, set));
  }
  return sets;
}

/** Cuts the power of a recorded card at random moments, and asks what each kind of board would start from what is left. */
export async function cutRecorded(
  { base, log }: CardLog,
  sets: readonly KnownSet[],
  count: number,
  chance: () => number,
): Promise<CardVerdict[]> {
  const within = await bootPartition(base);
  return cutCard({ base, log, sets, boots, moments: { random: count }, within, chance });
}

/** Cards as so many cuts left them, as files. */
export function* cardsAfterCuts(
  { base, log }: CardLog,
  count: number,
  chance: () => number,
): Generator<{ card: string; moment: Moment }> {
  const writes = openWriteLog(log);
  const entries = writes.entries();
  const disk = openDiskFile(base);
  try {
    for (const [index, moment] of drawMoments(entries, { from: 0, to: entries.length }, count, chance).entries()) {
      const card = `${base}.cut-${index}`;
      cardState(disk, keptOf(writes, entries, moment, chance)).writeTo(card, base);
      yield { card, moment };
    }
  } finally {
    disk.close();
  }
}
