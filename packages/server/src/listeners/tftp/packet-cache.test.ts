import { describe, expect, it } from 'vitest';
import { createPacketCache, type PacketSource } from './packet-cache.js';
import type { TftpFile } from './types.js';

const content = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 0xff);

/** A file that counts its reads. */
function countingFile(size: number, shareKey?: string) {
  const bytes = content(size);
  const reads: number[] = [];
  const file: TftpFile = {
    size,
    ...(shareKey === undefined ? {} : { shareKey }),
    read: async (offset, length) => {
      reads.push(offset);
      return bytes.subarray(offset, offset + length);
    },
  };
  return { file, reads, bytes };
}

/** All blocks put together, as a client would, loading what is missing. */
async function readAll(source: PacketSource, blocks: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let block = 1; block <= blocks; block += 1) {
    let packet = source.packet(block);
    if (!packet) {
      await source.load(block);
      packet = source.packet(block)!;
    }
    expect(Buffer.from(packet.subarray(0, 4)).toString('hex')).toBe(
      `0003${(block & 0xffff).toString(16).padStart(4, '0')}`,
    );
    parts.push(packet.subarray(4));
  }
  return Buffer.concat(parts);
}

describe('framed packets', () => {
  it.each([0, 1, 511, 512, 513, 131_071, 131_072, 131_073, 600_000])('hold a file of %i bytes', async (size) => {
    const { file, bytes } = countingFile(size);
    const blocks = Math.floor(size / 512) + 1;
    const all = await readAll(createPacketCache(1 << 20).open(file, 512), blocks);
    expect(Buffer.compare(all, bytes)).toBe(0);
  });

  it('number blocks by 16 bits', async () => {
    const { file } = countingFile(8 * 65_540);
    const source = createPacketCache(1 << 22).open(file, 8);
    const numbers: string[] = [];
    for (const block of [65_535, 65_536, 65_537]) {
      await source.load(block);
      numbers.push(Buffer.from(source.packet(block)!.subarray(2, 4)).toString('hex'));
    }
    expect(numbers).toEqual(['ffff', '0000', '0001']);
  });

  it('are read once for all who want the same bytes in the same blocks', async () => {
    const { file, reads } = countingFile(600_000, 'sha256:x');
    const cache = createPacketCache(1 << 20);
    const sources = Array.from({ length: 20 }, () => cache.open(file, 1468));
    await Promise.all(sources.map((source) => readAll(source, 409)));
    expect(reads).toHaveLength(new Set(reads).size);
    expect(sources[0]!.packet(1)).toBe(sources[1]!.packet(1));
    const before = reads.length;
    await readAll(cache.open(file, 512), 1172);
    expect(reads.length).toBeGreaterThan(before);
  });

  it('are not shared without a key', async () => {
    const cache = createPacketCache(1 << 20);
    const { file, reads } = countingFile(100);
    await readAll(cache.open(file, 512), 1);
    await readAll(cache.open(file, 512), 1);
    expect(reads).toEqual([0, 0]);
  });

  it('stay within the memory they are given, and come back when they are wanted again', async () => {
    const cache = createPacketCache(300_000);
    for (let i = 0; i < 5; i += 1) {
      const { file, bytes } = countingFile(600_000, `file ${i % 3}`);
      const all = await readAll(cache.open(file, 1468), 409);
      expect(Buffer.compare(all, bytes)).toBe(0);
      expect(cache.bytes()).toBeLessThanOrEqual(300_000);
    }
  });

  it('do without what could not be read, and try again', async () => {
    const bytes = content(100);
    let broken = true;
    const file: TftpFile = {
      size: 100,
      shareKey: 'x',
      read: async () => {
        if (broken) throw new Error('disk');
        return bytes;
      },
    };
    const source = createPacketCache(1 << 20).open(file, 512);
    await expect(source.load(1)).rejects.toThrow('disk');
    broken = false;
    await source.load(1);
    expect(source.packet(1)).toHaveLength(104);
  });

  it('are not made of fewer bytes than the size says', async () => {
    const file: TftpFile = { size: 100, read: async () => new Uint8Array(10) };
    await expect(
      createPacketCache(1 << 20)
        .open(file, 512)
        .load(1),
    ).rejects.toThrow(/10 bytes/);
  });
});
