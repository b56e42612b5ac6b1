import { ForwardBits, ZstdDamage, type BackwardBits } from './bits.js';

/** Decoding table of a finite-state entropy code: by state, the symbol, and how to reach the next state. */
export interface FseTable {
  accuracyLog: number;
  symbols: Uint8Array;
  bitCounts: Uint8Array;
  bases: Uint16Array;
}

/** Spreads symbols over the states (RFC 8878, 4.1.1). A probability of -1 means "less than one". */
export function buildFseTable(probabilities: readonly number[], accuracyLog: number): FseTable {
  const size = 1 << accuracyLog;
  const symbols = new Uint8Array(size);
  const next = probabilities.map((probability) => Math.abs(probability));
  let high = size;
  probabilities.forEach((probability, symbol) => {
    if (probability === -1) symbols[--high] = symbol;
  });
  const step = (size >>> 1) + (size >>> 3) + 3;
  let position = 0;
  probabilities.forEach((probability, symbol) => {
    for (let i = 0; i < probability; i++) {
      symbols[position] = symbol;
      do position = (position + step) & (size - 1);
      while (position >= high);
    }
  });
  const bitCounts = new Uint8Array(size);
  const bases = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] as number;
    const count = (next[symbol] as number)++;
    const bits = accuracyLog - (31 - Math.clz32(count));
    bitCounts[state] = bits;
    bases[state] = (count << bits) - size;
  }
  return { accuracyLog, symbols, bitCounts, bases };
}

/** A table with one symbol that needs no bits. */
export function singleSymbolTable(symbol: number): FseTable {
  return {
    accuracyLog: 0,
    symbols: Uint8Array.of(symbol),
    bitCounts: new Uint8Array(1),
    bases: new Uint16Array(1),
  };
}

/** Reads a table's description (RFC 8878, 4.1.1). `length` is what it takes, in bytes. */
export function readFseTable(
  bytes: Uint8Array,
  maxLog: number,
  maxSymbol: number,
): { table: FseTable; length: number } {
  const bits = new ForwardBits(bytes);
  const accuracyLog = bits.read(4) + 5;
  if (accuracyLog > maxLog) throw new ZstdDamage(`a table of 2^${accuracyLog} states`);
  const probabilities: number[] = [];
  let remaining = 1 << accuracyLog;
  while (remaining > 0) {
    if (probabilities.length > maxSymbol) throw new ZstdDamage('a table with too many symbols');
    const probability = readProbability(bits, remaining);
    remaining -= Math.abs(probability);
    probabilities.push(probability);
    if (probability === 0) skipZeros(bits, probabilities, maxSymbol);
  }
  if (remaining < 0 || probabilities.length > maxSymbol + 1) throw new ZstdDamage('a table that does not add up');
  return { table: buildFseTable(probabilities, accuracyLog), length: bits.bytesUsed };
}

/** A number from -1 to `remaining`; the smaller ones take a bit less. */
function readProbability(bits: ForwardBits, remaining: number): number {
  const count = 32 - Math.clz32(remaining + 1);
  const value = bits.read(count);
  const lowMask = (1 << (count - 1)) - 1;
  const threshold = (1 << count) - 1 - (remaining + 1);
  if ((value & lowMask) < threshold) {
    bits.back(1);
    return (value & lowMask) - 1;
  }
  return (value > lowMask ? value - threshold : value) - 1;
}

/** After a zero, two bits say how many more follow; three of them say "and perhaps more". */
function skipZeros(bits: ForwardBits, probabilities: number[], maxSymbol: number): void {
  for (let repeat = 3; repeat === 3;) {
    repeat = bits.read(2);
    for (let i = 0; i < repeat; i++) probabilities.push(0);
    if (probabilities.length > maxSymbol + 1) throw new ZstdDamage('a table with too many symbols');
  }
}

/** One decoder walking through a table. */
export class FseState {
  private state: number;
  private readonly table: FseTable;

  constructor(table: FseTable, bits: BackwardBits) {
    this.table = table;
    this.state = bits.read(table.accuracyLog);
  }

  get symbol(): number {
    return this.table.symbols[this.state] as number;
  }

  advance(bits: BackwardBits): void {
    const { bases, bitCounts } = this.table;
    this.state = (bases[this.state] as number) + bits.read(bitCounts[this.state] as number);
  }
}
