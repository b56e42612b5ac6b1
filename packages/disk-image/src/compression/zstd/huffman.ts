import { BackwardBits, ZstdDamage } from './bits.js';
import { FseState, readFseTable } from './fse.js';

const maxCodeBits = 11;
const maxWeights = 255;

/** Decoding table of a Huffman code: by the next `maxBits` bits, the symbol and how many of them it takes. */
export interface HuffmanTable {
  maxBits: number;
  symbols: Uint8Array;
  bitCounts: Uint8Array;
}

/** Weights packed with a finite-state code, two decoders taking turns (RFC 8878, 4.2.1.2). */
function readPackedWeights(bytes: Uint8Array): number[] {
  const { table, length } = readFseTable(bytes, 6, maxCodeBits + 1);
  const bits = new BackwardBits(bytes.subarray(length));
  const first = new FseState(table, bits);
  const second = new FseState(table, bits);
  const weights: number[] = [];
  if (bits.left < 0) throw new ZstdDamage('Huffman weights are cut short');
  for (let [now, then] = [first, second]; ; [now, then] = [then, now]) {
    weights.push(now.symbol);
    now.advance(bits);
    if (bits.left < 0) {
      weights.push(then.symbol);
      return weights;
    }
    if (weights.length > maxWeights) throw new ZstdDamage('too many Huffman weights');
  }
}

function readPlainWeights(bytes: Uint8Array, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const pair = bytes[i >>> 1] as number;
    return i % 2 === 0 ? pair >>> 4 : pair & 15;
  });
}

/** The last weight is not stored: it is what makes the sum a power of two. */
function completeWeights(weights: number[]): { weights: number[]; maxBits: number } {
  if (weights.length > maxWeights) throw new ZstdDamage('too many Huffman weights');
  const sum = weights.reduce((total, weight) => total + (weight > 0 ? 1 << (weight - 1) : 0), 0);
  if (sum === 0) throw new ZstdDamage('no Huffman weights');
  const maxBits = 32 - Math.clz32(sum);
  const rest = 2 ** maxBits - sum;
  if (maxBits > maxCodeBits || (rest & (rest - 1)) !== 0) throw new ZstdDamage('Huffman weights that do not add up');
  return { weights: [...weights, 32 - Math.clz32(rest)], maxBits };
}

function buildTable(weights: readonly number[], maxBits: number): HuffmanTable {
  const symbols = new Uint8Array(1 << maxBits);
  const bitCounts = new Uint8Array(1 << maxBits);
  let at = 0;
  for (let weight = 1; weight <= maxBits; weight++) {
    weights.forEach((own, symbol) => {
      if (own !== weight) return;
      const end = at + (1 << (weight - 1));
      symbols.fill(symbol, at, end);
      bitCounts.fill(maxBits + 1 - weight, at, end);
      at = end;
    });
  }
  return { maxBits, symbols, bitCounts };
}

/** Reads a tree's description (RFC 8878, 4.2.1). `length` is what it takes, in bytes. */
export function readHuffmanTable(bytes: Uint8Array): { table: HuffmanTable; length: number } {
  const head = bytes[0];
  if (head === undefined) throw new ZstdDamage('no Huffman tree');
  const packed = head < 128;
  const length = 1 + (packed ? head : (head - 126) >>> 1);
  if (length > bytes.length) throw new ZstdDamage('a Huffman tree is cut short');
  const body = bytes.subarray(1, length);
  const stored = packed ? readPackedWeights(body) : readPlainWeights(body, head - 127);
  if (stored.some((weight) => weight > maxCodeBits)) throw new ZstdDamage('a Huffman weight that is too large');
  const { weights, maxBits } = completeWeights(stored);
  return { table: buildTable(weights, maxBits), length };
}

/** Fills `into` from one stream, which must hold exactly that. */
export function decodeHuffman(table: HuffmanTable, stream: Uint8Array, into: Uint8Array): void {
  const bits = new BackwardBits(stream);
  const { maxBits, symbols, bitCounts } = table;
  for (let i = 0; i < into.length; i++) {
    const code = bits.peek(maxBits);
    into[i] = symbols[code] as number;
    bits.left -= bitCounts[code] as number;
    if (bits.left < 0) throw new ZstdDamage('literals are cut short');
  }
  if (bits.left !== 0) throw new ZstdDamage('literals with bits left over');
}
