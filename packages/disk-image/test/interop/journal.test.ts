import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { memorySource, openExt4, type Ext4Volume } from '../../src/index.js';
import { readThroughJournal } from '../../src/ext4/journal/open.js';
import { readSuperblock } from '../../src/ext4/superblock.js';
import { debugfs } from '../support/debugfs.js';
import { cutWhileMounted, randomWork, seenByKernel } from '../support/dirty-ext4.js';
import { journalPlaces, magic } from '../support/journal.js';
import { announceRuns, createRandom, loopTimeout, seed } from '../support/runs.js';
import { run, useWorkFolder } from '../support/tools.js';

// Journals that a kernel or debugfs wrote, replayed here in memory and on a copy by e2fsck, and by a kernel that mounts another copy.

const at = useWorkFolder();
/** Loop devices are for root. */
const isRoot = process.getuid?.() === 0;

/** The image after e2fsck replayed its journal, and nothing else, and whether it was content with that. */
function replayedByE2fsck(image: string): { after: Buffer; isFine: boolean } {
  copyFileSync(image, `${image}.replayed`);
  // 1: replayed. It ends well also when it finds damage in the journal, and says so.
  const said = run('sh', ['-c', 'e2fsck -y -E journal_only "$0" 2>&1; echo "code $?"', `${image}.replayed`]).toString();
  return {
    after: readFileSync(`${image}.replayed`),
    isFine: /^code [01]$/mu.test(said) && !/corrupt|checksum error/u.test(said),
  };
}

/**
 * Every block of the volume must be read through the journal as e2fsck left it, but two in which e2fsck notes that there is nothing to replay any
 * more: its superblock, and that of the journal.
 */
async function expectSameBlocks(image: string): Promise<{ isChanged: boolean; isUsable: boolean }> {
  const before = readFileSync(image);
  const { after, isFine } = replayedByE2fsck(image);
  const s = await readSuperblock(memorySource(before));
  const { source, use } = await readThroughJournal(memorySource(before), s);
  if (use.kind === 'unusable') {
    // e2fsck multiplies by the block size in 64 bits: a block far behind the volume's end wraps round to one within, and is written there.
    const isBehindEnd = / holds block \d{12,} of a volume of /u.test(use.detail);
    expect(isFine && !isBehindEnd, use.detail).toBe(false);
    return { isChanged: false, isUsable: false };
  }
  const seen = Buffer.from(await source.read(0, before.length));
  const [journal = 0] = await journalPlaces(before);
  const notes = new Set([Math.floor(1024 / s.blockSize), journal / s.blockSize]);
  const differing: number[] = [];
  for (let block = 0; block < s.blockCount; block++) {
    const stretch = [block * s.blockSize, (block + 1) * s.blockSize] as const;
    const isSame = seen.subarray(...stretch).equals(after.subarray(...stretch));
    if (!isSame && !notes.has(block)) differing.push(block);
  }
  expect(differing).toEqual([]);
  // Counts, sizes and geometry; behind them times, states and features.
  const numbers = (bytes: Buffer): string => bytes.toString('hex', 1024, 1024 + 0x2c);
  expect(numbers(seen)).toBe(numbers(after));
  return { isChanged: !after.equals(before), isUsable: true };
}

/** How debugfs makes a journal. */
const shapes: [string, string[], string][] = [
  ['without checksums', ['-O', '^64bit,^metadata_csum'], ''],
  ['without checksums, of 64 bits', ['-O', '64bit,^metadata_csum'], ''],
  ['with checksums of version 2', ['-O', '^64bit,metadata_csum'], '-c -v 2'],
  ['with checksums of version 2, of 64 bits', ['-O', '64bit,metadata_csum'], '-c -v 2'],
  ['with checksums of version 3', ['-O', '64bit,metadata_csum'], '-c -v 3'],
];
const blockSize = 1024;

/** Transactions over a few free blocks, which meet again; some of their content begins with the magic. The last may have no commit block. */
function writeJournal(image: string, open: string, random: () => number): void {
  const below = (n: number): number => Math.floor(random() * n);
  const some = (most: number): number[] => [...new Set(Array.from({ length: below(most) }, () => 9000 + below(40)))];
  const transactions = 1 + below(12);
  const commands = Array.from({ length: transactions }, (_, i) => {
    const [blocks, revoked] = [[9100 + i, ...some(30)], some(4)];
    const content = Buffer.alloc(blocks.length * blockSize);
    blocks.forEach((_block, k) => {
      content.fill(1 + below(255), k * blockSize, (k + 1) * blockSize);
      if (below(3) === 0) content.writeUInt32BE(magic, k * blockSize);
    });
    const path = `${image}.content-${i}`;
    writeFileSync(path, content);
    const isCut = i === transactions - 1 && below(2) === 0;
    return `jw ${isCut ? '-c ' : ''}-b ${blocks.join(',')} ${revoked.length > 0 ? `-r ${revoked.join(',')}` : ''} ${path}`;
  });
  debugfs(image, [`jo ${open}`, ...commands, 'jc'], `${image}.debugfs`, true);
}

describe.each(shapes)('a journal that debugfs wrote %s', (name, make, open) => {
  const made = (round: number, random: () => number): string => {
    const image = at(`${name.replaceAll(' ', '-')}-${round}`);
    writeFileSync(image, '');
    truncateSync(image, 12 * 1024 * 1024);
    run('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', String(blockSize), '-J', 'size=1', ...make, image]);
    writeJournal(image, open, random);
    return image;
  };

  it('is read as e2fsck replays it', { timeout: loopTimeout * 2 }, async () => {
    const rounds = announceRuns(`interop journal ${name}`, 6);
    for (let round = 0; round < rounds; round++) {
      const found = await expectSameBlocks(made(round, createRandom(seed + round * 31 + name.length)));
      expect(found.isUsable).toBe(true);
    }
  });

  it('and damaged then, is read as far as e2fsck replays it, or not at all', { timeout: loopTimeout * 2 }, async () => {
    const rounds = announceRuns(`interop damaged journal ${name}`, 2);
    for (let round = 0; round < rounds; round++) {
      const random = createRandom(seed + round * 37 + name.length);
      const image = made(round, random);
      const bytes = readFileSync(image);
      const places = await journalPlaces(bytes);
      const used = places
        .slice(1, 200)
        .filter((place) => bytes.subarray(place, place + blockSize).some((b) => b !== 0));
      for (let i = 0; i < 8; i++) {
        const damaged = Buffer.from(bytes);
        const place = used[Math.floor(random() * used.length)] as number;
        if (random() < 0.5) damaged.fill(0, place, place + blockSize);
        else damaged.writeUInt8(damaged.readUInt8(place + 20) ^ 0x10, place + 20);
        writeFileSync(`${image}.damaged`, damaged);
        await expectSameBlocks(`${image}.damaged`);
      }
    }
  });
});

const kinds = { file: 'f', directory: 'd', symlink: 'l' } as const;

async function seenHere(volume: Ext4Volume): Promise<string[]> {
  const lines: string[] = [];
  for await (const { path, kind, stat } of volume.walk()) {
    if (path === 'lost+found') continue;
    const letter = kinds[kind as keyof typeof kinds];
    const { mode, uid, gid, nlink, inode } = stat;
    const target = kind === 'symlink' ? await volume.readlinkInode(inode) : '';
    const hash = createHash('sha256');
    if (kind === 'file') for await (const chunk of volume.fileChunks(inode)) hash.update(chunk);
    const digest = kind === 'file' ? hash.digest('hex') : '';
    lines.push(`${path} ${letter} ${mode.toString(8)} ${uid} ${gid} ${nlink} ${target} ${digest}`.trimEnd());
  }
  return lines.sort();
}

/** How file systems are made and mounted. */
const variants: [string, string[], string][] = [
  ['ext4 by default', ['-t', 'ext4', '-b', '4096'], 'defaults'],
  ['ext4 with a small journal', ['-t', 'ext4', '-b', '1024', '-J', 'size=1', '-O', 'metadata_csum,64bit'], 'defaults'],
  [
    'ext4 of 32 bits without checksums',
    ['-t', 'ext4', '-b', '1024', '-J', 'size=1', '-O', '^64bit,^metadata_csum'],
    'defaults',
  ],
  ['ext4 with all data in the journal', ['-t', 'ext4', '-b', '1024', '-O', 'metadata_csum,64bit'], 'data=journal'],
  [
    'ext4 with checksums of version 1',
    ['-t', 'ext4', '-b', '4096', '-O', '^metadata_csum'],
    'journal_async_commit,data=writeback',
  ],
  ['ext3', ['-t', 'ext3', '-b', '1024'], 'data=journal'],
];

describe.each(isRoot ? variants : [])('%s that a kernel had mounted when the power went', (name, make, mount) => {
  it('is read as e2fsck and a kernel leave it', { timeout: loopTimeout * 4 }, async () => {
    const rounds = announceRuns(`interop journal ${name}`, 1);
    let replays = 0;
    for (let round = 0; round < rounds; round++) {
      const random = createRandom(seed + round * 101 + name.length);
      const image = at(`${name.replaceAll(' ', '-')}-${round}`);
      run('mke2fs', ['-q', '-F', ...make, image, '16M']);
      const cuts = cutWhileMounted(image, mount, randomWork(random, 180, 3));
      expect(cuts).toHaveLength(3);
      for (const cut of cuts) {
        const { isChanged, isUsable } = await expectSameBlocks(cut);
        expect(isUsable).toBe(true);
        if (isChanged) replays += 1;
        const volume = await openExt4(memorySource(readFileSync(cut)));
        const here = await seenHere(volume);
        expect(here).toEqual(seenByKernel(cut));
        expect(here.length).toBeGreaterThan(5);
      }
    }
    expect(replays).toBeGreaterThan(0);
  });
});

describe.each(isRoot ? ['fast_commit'] : [])('ext4 with %s', (feature) => {
  it('is read as far as its last transaction: the fast commits behind it are not replayed, which is said', async () => {
    const image = at(feature);
    run('mke2fs', ['-q', '-F', '-t', 'ext4', '-b', '4096', '-O', feature, '-J', 'size=8', image, '32M']);
    const work = 'mkdir a; echo 1 >a/whole; sync -f .; cut 0; echo 2 >a/fast; sync a/fast; cut 1';
    const [whole = '', fast = ''] = cutWhileMounted(image, 'defaults', work);
    expect(await expectSameBlocks(whole)).toEqual({ isChanged: true, isUsable: true });
    const before = await openExt4(memorySource(readFileSync(whole)));
    const after = await openExt4(memorySource(readFileSync(fast)));
    expect([before.journal.kind, after.journal.kind]).toEqual(['replayed', 'partial']);
    expect(after.journal).toMatchObject({ fault: 'fast-commits' });
    expect(await seenHere(after)).toEqual(await seenHere(before));
    expect(seenByKernel(fast).filter((line) => !line.startsWith('a/fast '))).toEqual(seenByKernel(whole));
    expect(seenByKernel(fast).join()).toContain('a/fast ');
  });
});
