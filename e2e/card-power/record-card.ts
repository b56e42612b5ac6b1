import {
  closeSync,
  copyFileSync,
  fsyncSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kept } from '../power/crash-states.js';
import { makeLog, recordedDrive } from '../power/recorded-drive.js';
import { tiedTool, tool } from '../power/tools.js';

/** A partition of a card as a file, of which each write is recorded. */
export interface RecordedCard {
  /** The partition: mtools and the programs of a board take it for a device. */
  readonly partition: string;
  readonly log: string;
  /**
   * Lets `work` change a copy of the partition, then writes to it what is another now, in any order, with one flush behind all of it: as a kernel
   * does that holds writes back. What programs write to {@link partition} themselves is flushed whenever they close it.
   */
  readonly change: (work: (copy: string) => void) => void;
  /** Ends the recording; the log is then whole. */
  stop(): Promise<void>;
}

const sector = 512;
const mostBytes = 64 * 1024;

/** Stretches of sectors that are others, none longer than one write. */
function changedRuns(before: Buffer, after: Buffer): Kept[] {
  const runs: { offset: number; length: number }[] = [];
  for (let offset = 0; offset < after.length; offset += sector) {
    if (before.subarray(offset, offset + sector).equals(after.subarray(offset, offset + sector))) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.length === offset && last.length < mostBytes) last.length += sector;
    else runs.push({ offset, length: sector });
  }
  return runs.map(({ offset, length }) => ({ offset, bytes: after.subarray(offset, offset + length) }));
}

function writeAnyhow(path: string, runs: readonly Kept[], chance: () => number): void {
  const file = openSync(path, 'r+');
  const shuffled = runs.map((run) => ({ run, rank: chance() })).sort((a, b) => a.rank - b.rank);
  for (const { run } of shuffled) writeSync(file, run.bytes, 0, run.bytes.length, run.offset);
  fsyncSync(file);
  closeSync(file);
}

/** Records what is written to the partition at this place of a card that begins as the base image. No guest, no mount, no loop device. */
export async function recordCard(
  folder: string,
  base: string,
  place: { readonly offset: number; readonly size: number },
  chance: () => number,
): Promise<RecordedCard> {
  const at = (name: string): string => join(folder, name);
  copyFileSync(base, at('card.img'));
  writeFileSync(at('partition'), '');
  makeLog(at('card.log'));
  const daemon = tiedTool(
    'qemu-storage-daemon',
    ...recordedDrive(at('card.img'), at('card.log')),
    ...['--blockdev', `driver=raw,node-name=part,file=recorded,offset=${place.offset},size=${place.size}`],
    ...['--export', `type=fuse,id=fuse,node-name=part,mountpoint=${at('partition')},writable=on`],
  );
  const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
  for (let tries = 0; statSync(at('partition')).size !== place.size; tries += 1) {
    if (daemon.exitCode !== null || tries > 500) throw new Error('qemu-storage-daemon shows no partition');
    await sleep(20);
  }
  return {
    ...{ partition: at('partition'), log: at('card.log') },
    change: (work) => {
      const [before, copy] = [readFileSync(at('partition')), at('copy')];
      writeFileSync(copy, before);
      work(copy);
      writeAnyhow(at('partition'), changedRuns(before, readFileSync(copy)), chance);
    },
    stop: async () => {
      tool('dd', 'if=/dev/null', `of=${at('partition')}`, 'conv=notrunc,fsync', 'status=none');
      daemon.kill();
      await ended;
    },
  };
}
