import { viewOf } from '../../bytes.js';
import { ImageError } from '../../errors.js';
import { cachedSource, type RandomAccess } from '../../source.js';
import { mapBlocks } from '../blocks.js';
import { inodeFlag, readInode } from '../inode.js';
import type { Superblock } from '../superblock.js';
import { parseJournalSuperblock } from './layout.js';
import { journalFile, type JournalFile } from './log.js';
import { journalledSource } from './overlay.js';
import { replayLog, type Replay } from './replay.js';
import { unusable, usable, type Checked, type JournalLayout, type JournalUse } from './types.js';

/** A log is read from its start to its end, once. */
const cache = { pageSize: 64 * 1024, pages: 16 };

/** A volume as a kernel finds it after it has replayed the journal, and what became of that. */
export interface JournalledVolume {
  readonly source: RandomAccess;
  readonly use: JournalUse;
}

/**
 * Replays the journal of a volume in memory, as far as its superblock `s` asks for it; nothing is written. Never throws for what is wrong with a
 * journal: the volume is then read without it, and `use` says why.
 */
export async function readThroughJournal(volume: RandomAccess, s: Superblock): Promise<JournalledVolume> {
  if (!s.needsRecovery) return { source: volume, use: { kind: 'clean' } };
  const found = await replayed(cachedSource(volume, cache), s);
  if (!found.ok) return { source: volume, use: { kind: 'unusable', fault: found.fault, detail: found.detail } };
  const { replay, hasFastCommits } = found.value;
  const { transactions, blocks } = replay;
  const counts = { transactions, blocks: blocks.size };
  const source = journalledSource(volume, blocks, s.blockSize);
  if (!hasFastCommits) return { source, use: { kind: 'replayed', ...counts } };
  return {
    source,
    use: { kind: 'partial', ...counts, fault: 'fast-commits', detail: 'has fast commits, which are not replayed here' },
  };
}

interface Found {
  readonly replay: Replay;
  readonly hasFastCommits: boolean;
}

async function replayed(volume: RandomAccess, s: Superblock): Promise<Checked<Found>> {
  if (s.journal === undefined) return unusable('absent', 'is not there');
  if (s.journal === 'external') return unusable('external', 'lies on a device of its own');
  try {
    const file = await openFile(volume, s, s.journal.inode);
    if (!file.ok) return file;
    const layout = parseJournalSuperblock(await file.value.read(0), s.blockSize, file.value.blocks);
    if (!layout.ok) return layout;
    const replay = await replayLog(file.value, layout.value, s.blockCount);
    if (!replay.ok) return replay;
    const hasFastCommits = await findFastCommits(file.value, layout.value, replay.value.next);
    return usable({ replay: replay.value, hasFastCommits });
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    const fault = error.code === 'image.ext4.checksum' ? 'checksum' : 'corrupt';
    return unusable(fault, `cannot be read: ${error.message}`);
  }
}

/** The map of a journal's inode is read as it lies on the disk, as a kernel does. */
async function openFile(volume: RandomAccess, s: Superblock, number: number): Promise<Checked<JournalFile>> {
  const inode = await readInode(volume, s, number);
  if (inode.stat.kind !== 'file' || (inode.flags & inodeFlag.inlineData) !== 0)
    return unusable('corrupt', `is damaged: inode ${number} is no file`);
  return usable(journalFile(volume, (await mapBlocks(volume, s, inode)).runs, s.blockSize));
}

const headTag = 9;
const headSize = 8;

/**
 * Whether there are fast commits for the transaction after the last: their area begins with a head that names it (journal.rst, "Fast commits").
 * What is older was made void by that last transaction.
 */
async function findFastCommits(file: JournalFile, layout: JournalLayout, next: number): Promise<boolean> {
  if (layout.start === 0 || layout.fastCommits === undefined || layout.fastCommits >= file.blocks) return false;
  const view = viewOf(await file.read(layout.fastCommits));
  return (
    view.getUint16(0, true) === headTag && view.getUint16(2, true) === headSize && view.getUint32(8, true) === next
  );
}
