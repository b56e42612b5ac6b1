import { describe, expect, it } from 'vitest';
import {
  fileOf,
  LogWriter,
  magic,
  replayedContent,
  type LogShape,
  type TransactionPlan,
} from '../../../test/support/journal.js';
import { memorySource } from '../../source.js';
import { parseJournalSuperblock } from './layout.js';
import { journalledSource } from './overlay.js';
import { replayLog, replayLimits } from './replay.js';
import type { Checked } from './types.js';
import type { Replay } from './replay.js';

const blockSize = 1024;
const volumeBlocks = 4096;
const shape = (more: Partial<LogShape> = {}): LogShape => ({
  ...{ blockSize, blocks: 64, checksums: 3, is64bit: false, start: 1, sequence: 7 },
  ...more,
});
const filled = (value: number): Uint8Array => new Uint8Array(blockSize).fill(value);
const withMagic = (value: number): Uint8Array => {
  const bytes = filled(value);
  new DataView(bytes.buffer).setUint32(0, magic);
  return bytes;
};

function replay(writer: LogWriter, volume = volumeBlocks): Promise<Checked<Replay>> {
  const layout = parseJournalSuperblock(writer.block(0), blockSize, writer.shape.blocks);
  if (!layout.ok) return Promise.resolve(layout);
  return replayLog(fileOf(writer), layout.value, volume);
}

/** Texts are compared much faster than arrays. */
const asText = (content: ReadonlyMap<number, Uint8Array>): Map<number, string> =>
  new Map([...content].map(([block, bytes]) => [block, Buffer.from(bytes).toString('base64')]));

/** The content of every block that is replaced, as it is read through the journal. */
async function contentOf(writer: LogWriter): Promise<Map<number, string>> {
  const found = await replay(writer);
  if (!found.ok) throw new Error(found.detail);
  // The volume holds its journal at its start, and zeros behind.
  const volume = new Uint8Array(volumeBlocks * blockSize);
  volume.set(writer.bytes);
  const source = journalledSource(memorySource(volume), found.value.blocks, blockSize);
  const content = new Map<number, Uint8Array>();
  for (const block of found.value.blocks.keys())
    content.set(block, Uint8Array.from(await source.read(block * blockSize, blockSize)));
  return asText(content);
}

function written(plans: readonly TransactionPlan[], more: Partial<LogShape> = {}): LogWriter {
  const writer = new LogWriter(shape(more));
  for (const plan of plans) writer.transaction(plan);
  return writer;
}

const shapes = ([0, 1, 2, 3] as const).flatMap((checksums) =>
  [false, true].map((is64bit): [string, Partial<LogShape>] => [
    `checksums ${checksums}${is64bit ? ', 64 bits' : ''}`,
    { checksums, is64bit },
  ]),
);

describe.each(shapes)('a log with %s', (_name, more) => {
  it.each([false, true])('gives the last committed content of each block (UUIDs in all tags: %s)', async (ownUuids) => {
    const plans: TransactionPlan[] = [
      {
        ownUuids,
        writes: [
          [100, filled(1)],
          [101, filled(2)],
          [102, withMagic(3)],
        ],
      },
      {
        ownUuids,
        writes: [
          [101, withMagic(4)],
          [102, filled(5)],
        ],
      },
      { ownUuids, writes: [[103, filled(6)]], uncommitted: true },
    ];
    expect(await contentOf(written(plans, more))).toEqual(
      asText(
        new Map([
          [100, filled(1)],
          [101, withMagic(4)],
          [102, filled(5)],
        ]),
      ),
    );
  });

  it('has revocations for their own transaction and those before it, not for later ones', async () => {
    const plans: TransactionPlan[] = [
      {
        writes: [
          [100, filled(1)],
          [101, filled(1)],
          [102, filled(1)],
        ],
      },
      { writes: [[103, filled(2)]], revoked: [100, 103, 999, 3_000_000_000] },
      { writes: [[100, filled(3)]], revoked: [102] },
      { writes: [], revoked: [101], uncommitted: true },
    ];
    const content = await contentOf(written(plans, more));
    expect(content).toEqual(
      asText(
        new Map([
          [101, filled(1)],
          [100, filled(3)],
        ]),
      ),
    );
    expect(content).toEqual(asText(replayedContent(plans)));
  });

  it('goes round, with more blocks than a descriptor has tags for, and sequence numbers as well', async () => {
    const many = Array.from({ length: 150 }, (_, i) => [200 + i, filled(i)] as const);
    const plans: TransactionPlan[] = [{ writes: many }, { writes: [[200, filled(255)]] }];
    const round = { ...more, blocks: 250, start: 180, sequence: 0xffffffff };
    expect(await contentOf(written(plans, round))).toEqual(asText(replayedContent(plans)));
  });

  it('ends where a commit block is not', async () => {
    const writer = new LogWriter(shape(more));
    writer.transaction({ writes: [[100, filled(1)]] });
    const commit = writer.transaction({ writes: [[100, filled(2)]] }).at(-1) as number;
    writer.transaction({ writes: [[100, filled(3)]] });
    writer.block(commit).fill(0, 0, 4);
    expect(await contentOf(writer)).toEqual(asText(new Map([[100, filled(1)]])));
  });
});

describe('a log with checksums', () => {
  const broken = (checksums: 1 | 2 | 3, which: number, times: [number, number] = [10, 20]): LogWriter => {
    const writer = new LogWriter(shape({ checksums }));
    writer.transaction({ writes: [[100, filled(1)]], time: times[0] });
    const blocks = writer.transaction({
      writes: [
        [100, filled(2)],
        [101, filled(2)],
      ],
      revoked: [300],
      time: times[1],
    });
    writer.block(blocks.at(which) as number)[40]! ^= 1;
    return writer;
  };

  it.each([1, 2, 3] as const)('of version %i ends before a commit block with a wrong one', async (checksums) => {
    const writer = broken(checksums, checksums === 1 ? 1 : -1);
    expect(await contentOf(writer)).toEqual(asText(new Map([[100, filled(1)]])));
  });

  it.each([2, 3] as const)('of version %i tells a leftover of an older round from damage', async (checksums) => {
    for (const which of [0, 3]) {
      expect(await contentOf(broken(checksums, which, [20, 10]))).toEqual(asText(new Map([[100, filled(1)]])));
      expect(await replay(broken(checksums, which))).toMatchObject({ ok: false, fault: 'checksum' });
    }
  });

  it.each([2, 3] as const)('of version %i minds a wrong one of data that is still of use', async (checksums) => {
    expect(await replay(broken(checksums, 1))).toMatchObject({ ok: false, fault: 'checksum' });
    const writer = broken(checksums, 1);
    writer.transaction({ writes: [[102, filled(3)]], revoked: [100] });
    expect(await contentOf(writer)).toEqual(
      asText(
        new Map([
          [101, filled(2)],
          [102, filled(3)],
        ]),
      ),
    );
  });

  it('of version 1 has none where a commit block says so', async () => {
    const writer = new LogWriter(shape({ checksums: 1 }));
    const commit = writer.transaction({ writes: [[100, filled(1)]] }).at(-1) as number;
    writer.block(commit).fill(0, 0x0c, 0x14);
    expect(await contentOf(writer)).toEqual(asText(new Map([[100, filled(1)]])));
  });
});

describe('a log that cannot be', () => {
  it('has a block outside the volume', async () => {
    const writer = written([{ writes: [[volumeBlocks, filled(1)]] }]);
    expect(await replay(writer)).toMatchObject({ ok: false, fault: 'corrupt' });
    const far = written([{ writes: [[2 ** 40, filled(1)]] }], { is64bit: true });
    expect(await replay(far)).toMatchObject({ ok: false, fault: 'corrupt' });
  });

  it('has more revocations than a block holds', async () => {
    const writer = new LogWriter(shape({ checksums: 0 }));
    const at = writer.transaction({ writes: [], revoked: [5] })[0] as number;
    new DataView(writer.bytes.buffer).setUint32(at * blockSize + 12, 1025);
    expect(await replay(writer)).toMatchObject({ ok: false, fault: 'corrupt' });
  });

  it('has no end: it is gone round once', async () => {
    const writer = new LogWriter(shape({ checksums: 0, sequence: 7 }));
    for (let i = 1; i < 64; i++) writer.transaction({ writes: [], revoked: [1], uncommitted: true });
    const file = fileOf(writer);
    const layout = parseJournalSuperblock(writer.block(0), blockSize, 64);
    expect(await replayLog(file, layout.ok ? layout.value : ({} as never), 100)).toMatchObject({
      ok: true,
      value: { transactions: 0 },
    });
    expect(file.reads).toBe(63);
  });

  it('is longer than is gone through', async () => {
    const writer = new LogWriter(shape({ checksums: 0 }));
    const [revocation] = writer.transaction({ writes: [], revoked: [1], uncommitted: true });
    const endless = { ...fileOf(writer), blocks: 2 ** 32 - 1, read: async () => writer.block(revocation as number) };
    const layout = { blockSize, first: 1, end: 2 ** 32 - 1, start: 1, sequence: 7, is64bit: false } as const;
    const found = await replayLog(endless, { ...layout, checksums: 0, seed: 0, fastCommits: undefined }, 100);
    expect(found).toMatchObject({ ok: false, fault: 'too-large' });
    expect(found).toHaveProperty('detail', `has more than ${replayLimits.blocks} blocks to replay`);
  });
});

describe('a journal superblock', () => {
  const change = (at: number, value: number, more: Partial<LogShape> = {}): Checked<unknown> => {
    const writer = new LogWriter(shape(more));
    writer.writeSuperblock((view) => view.setUint32(at, value));
    return parseJournalSuperblock(writer.block(0), blockSize, 64);
  };

  it.each([
    ['another block size', 0x0c, 4096, 'corrupt'],
    ['more blocks than its file', 0x10, 65, 'corrupt'],
    ['a log before its first block', 0x14, 0, 'corrupt'],
    ['a log behind its last', 0x14, 64, 'corrupt'],
    ['a start behind its log', 0x1c, 64, 'corrupt'],
    ['features nobody knows', 0x28, 0x51, 'unsupported'],
    ['features nobody may write with', 0x2c, 1, 'unsupported'],
    ['two kinds of checksums', 0x28, 0x19, 'corrupt'],
    ['old and new checksums', 0x24, 1, 'corrupt'],
    ['checksums of another kind', 0x50, 0x01000000, 'unsupported'],
    ['no magic', 0x00, 1, 'corrupt'],
    ['another type', 0x04, 2, 'corrupt'],
  ])('with %s is refused', (_name, at, value, fault) => {
    expect(change(at, value)).toMatchObject({ ok: false, fault });
  });

  it('with a wrong checksum is refused', () => {
    const writer = new LogWriter(shape());
    writer.block(0)[0x18] = 1;
    expect(parseJournalSuperblock(writer.block(0), blockSize, 64)).toMatchObject({ ok: false, fault: 'checksum' });
  });

  it('of version 1 has no features', () => {
    const writer = new LogWriter(shape({ checksums: 0 }));
    writer.writeSuperblock((view) => {
      view.setUint32(0x04, 3);
      view.setUint32(0x28, 0xffffffff);
    });
    expect(parseJournalSuperblock(writer.block(0), blockSize, 64)).toMatchObject({ ok: true, value: { checksums: 0 } });
  });

  it('keeps room for fast commits behind the log, when enough is left of it', () => {
    const parse = (blocks: number, fastCommits: number) => {
      const writer = new LogWriter(shape({ blocks, fastCommits }));
      return parseJournalSuperblock(writer.block(0), blockSize, blocks);
    };
    expect(parse(1100, 76)).toMatchObject({ ok: true, value: { end: 1024, fastCommits: 1025 } });
    expect(parse(1100, 77)).toMatchObject({ ok: true, value: { end: 1100, fastCommits: 1101 } });
  });

  it('without a start has nothing to replay', async () => {
    const writer = written([{ writes: [[1, filled(1)]] }]);
    writer.writeSuperblock((view) => view.setUint32(0x1c, 0));
    expect(await replay(writer)).toMatchObject({ ok: true, value: { transactions: 0 } });
  });
});
