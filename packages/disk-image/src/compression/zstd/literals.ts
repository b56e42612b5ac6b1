import { ZstdDamage } from './bits.js';
import { maxBlockSize } from './format.js';
import { decodeHuffman, readHuffmanTable, type HuffmanTable } from './huffman.js';

/** What one block leaves for the next. */
export interface LiteralsMemory {
  huffman: HuffmanTable | undefined;
}

interface Header {
  /** 0 raw, 1 one repeated byte, 2 with its own tree, 3 with the tree of the block before. */
  type: number;
  size: number;
  /** Bytes stored, for types 2 and 3. */
  packed: number;
  streams: number;
  length: number;
}

function littleEndian(bytes: Uint8Array, length: number): number {
  if (length > bytes.length) throw new ZstdDamage('a literals header is cut short');
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 256 + (bytes[i] as number);
  return value;
}

/** RFC 8878, 3.1.1.3.1.1: two bits for the type, two for the format of the sizes that follow. */
function parseHeader(bytes: Uint8Array): Header {
  const first = littleEndian(bytes, 1);
  const type = first & 3;
  const format = (first >>> 2) & 3;
  if (type < 2) {
    const length = [1, 2, 1, 3][format] as number;
    const size = format % 2 === 0 ? first >>> 3 : littleEndian(bytes, length) >>> 4;
    return { type, size, packed: type === 0 ? size : 1, streams: 1, length };
  }
  const length = [3, 3, 4, 5][format] as number;
  const width = [10, 10, 14, 18][format] as number;
  const sizes = Math.floor(littleEndian(bytes, length) / 16);
  const size = sizes % 2 ** width;
  return { type, size, packed: Math.floor(sizes / 2 ** width), streams: format === 0 ? 1 : 4, length };
}

/** Three of the four lengths stand in front; the streams hold a quarter each, rounded up, the last one the rest. */
function decodeFour(table: HuffmanTable, bytes: Uint8Array, into: Uint8Array): void {
  const jump = 6;
  if (bytes.length < jump) throw new ZstdDamage('literals are cut short');
  const lengths = [0, 2, 4].map((at) => (bytes[at] as number) | ((bytes[at + 1] as number) << 8));
  const quarter = (into.length + 3) >>> 2;
  let at = jump;
  for (let i = 0; i < 4; i++) {
    const end = i < 3 ? at + (lengths[i] as number) : bytes.length;
    if (end > bytes.length) throw new ZstdDamage('literals are cut short');
    decodeHuffman(table, bytes.subarray(at, end), into.subarray(i * quarter, i < 3 ? (i + 1) * quarter : into.length));
    at = end;
  }
}

/** Reads the literals section of a block. `length` is what it takes, in bytes. */
export function readLiterals(bytes: Uint8Array, memory: LiteralsMemory): { literals: Uint8Array; length: number } {
  const header = parseHeader(bytes);
  const end = header.length + header.packed;
  if (header.size > maxBlockSize) throw new ZstdDamage(`${header.size} literals in one block`);
  if (end > bytes.length) throw new ZstdDamage('literals are cut short');
  let body = bytes.subarray(header.length, end);
  if (header.type === 0) return { literals: body, length: end };
  const literals = new Uint8Array(header.size);
  if (header.type === 1) return { literals: literals.fill(body[0] as number), length: end };
  if (header.type === 2) {
    const { table, length } = readHuffmanTable(body);
    memory.huffman = table;
    body = body.subarray(length);
  }
  if (memory.huffman === undefined) throw new ZstdDamage('literals without a Huffman tree');
  if (header.streams === 1) decodeHuffman(memory.huffman, body, literals);
  else decodeFour(memory.huffman, body, literals);
  return { literals, length: end };
}
