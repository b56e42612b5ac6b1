import { BackwardBits, ZstdDamage } from './bits.js';
import { buildFseTable, FseState, readFseTable, singleSymbolTable, type FseTable } from './fse.js';
import { maxBlockSize } from './format.js';
import type { Output } from './output.js';

/** One of the three codes of a sequence (RFC 8878, 3.1.1.3.2.1). */
interface Code {
  maxLog: number;
  maxSymbol: number;
  initial: FseTable;
}

const ones = (count: number): number[] => Array.from({ length: count }, () => 1);
const twos = (count: number): number[] => Array.from({ length: count }, () => 2);
const rare = (count: number): number[] => Array.from({ length: count }, () => -1);

const codes = {
  literals: {
    maxLog: 9,
    maxSymbol: 35,
    initial: buildFseTable([4, 3, ...twos(11), 1, 1, 1, ...twos(9), 3, 2, ...ones(5), ...rare(4)], 6),
  },
  offsets: {
    maxLog: 8,
    maxSymbol: 31,
    initial: buildFseTable([...ones(6), 2, 2, 2, ...ones(15), ...rare(5)], 5),
  },
  matches: {
    maxLog: 9,
    maxSymbol: 52,
    initial: buildFseTable([1, 4, 3, ...twos(6), ...ones(37), ...rare(7)], 6),
  },
} satisfies Record<string, Code>;

/** Extra bits of the codes for lengths; each code starts where the one before ends. */
const literalBits = [...ones(4), 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const matchBits = [...ones(4), 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

interface Lengths {
  bases: number[];
  bits: number[];
}

/** `plain` codes stand for themselves (plus `from`), then those with extra bits follow. */
function lengthsOf(plain: number, from: number, extra: readonly number[]): Lengths {
  const bits = [...Array.from({ length: plain }, () => 0), ...extra];
  let next = from;
  const bases = bits.map((count) => {
    const base = next;
    next += 2 ** count;
    return base;
  });
  return { bases, bits };
}

const literalLengths = lengthsOf(16, 0, literalBits);
const matchLengths = lengthsOf(32, 3, matchBits);

type CodeName = keyof typeof codes;

/** What one block leaves for the next: tables, and the last three offsets. */
export interface SequencesMemory {
  tables: Partial<Record<CodeName, FseTable>>;
  offsets: [number, number, number];
}

function chooseTable(
  name: CodeName,
  mode: number,
  bytes: Uint8Array,
  memory: SequencesMemory,
): { table: FseTable; length: number } {
  const code = codes[name];
  if (mode === 0) return { table: code.initial, length: 0 };
  if (mode === 1) {
    const [symbol] = bytes;
    if (symbol === undefined || symbol > code.maxSymbol) throw new ZstdDamage(`an unknown code for ${name}`);
    return { table: singleSymbolTable(symbol), length: 1 };
  }
  if (mode === 2) return readFseTable(bytes, code.maxLog, code.maxSymbol);
  const table = memory.tables[name];
  if (table === undefined) throw new ZstdDamage(`no table for ${name} to repeat`);
  return { table, length: 0 };
}

function readCount(bytes: Uint8Array): { count: number; length: number } {
  const [first, second, third] = bytes;
  if (first === undefined) throw new ZstdDamage('sequences are cut short');
  if (first < 128) return { count: first, length: 1 };
  if (second === undefined) throw new ZstdDamage('sequences are cut short');
  if (first < 255) return { count: (first - 128) * 256 + second, length: 2 };
  if (third === undefined) throw new ZstdDamage('sequences are cut short');
  return { count: second + third * 256 + 0x7f00, length: 3 };
}

/** Small values stand for the last offsets, shifted by one when no literals come before (RFC 8878, 3.1.1.5). */
function resolveOffset(value: number, literals: number, memory: SequencesMemory): number {
  const last = memory.offsets;
  const index = value > 3 ? value : literals === 0 ? value : value - 1;
  if (index === 0) return last[0];
  const offset = value > 3 ? value - 3 : index === 1 ? last[1] : index === 2 ? last[2] : last[0] - 1;
  if (offset === 0) throw new ZstdDamage('an offset of 0');
  if (value > 3 || index !== 1) last[2] = last[1];
  last[1] = last[0];
  last[0] = offset;
  return offset;
}

/** Decodes the sequences of a block and carries them out: copy literals, then copy from what was made before. */
export function runSequences(bytes: Uint8Array, literals: Uint8Array, memory: SequencesMemory, output: Output): void {
  const { count, length } = readCount(bytes);
  if (count === 0) {
    if (length !== bytes.length) throw new ZstdDamage('bytes left over in a block');
    return output.append(literals, 0, literals.length);
  }
  const modes = bytes[length];
  if (modes === undefined || (modes & 3) !== 0) throw new ZstdDamage('unknown modes of sequences');
  let at = length + 1;
  const take = (name: CodeName, mode: number): FseTable => {
    const chosen = chooseTable(name, mode & 3, bytes.subarray(at), memory);
    at += chosen.length;
    memory.tables[name] = chosen.table;
    return chosen.table;
  };
  const tables = {
    literals: take('literals', modes >>> 6),
    offsets: take('offsets', modes >>> 4),
    matches: take('matches', modes >>> 2),
  };
  carryOut(new BackwardBits(bytes.subarray(at)), count, tables, literals, memory, output);
}

function carryOut(
  bits: BackwardBits,
  count: number,
  tables: Record<CodeName, FseTable>,
  literals: Uint8Array,
  memory: SequencesMemory,
  output: Output,
): void {
  const literalState = new FseState(tables.literals, bits);
  const offsetState = new FseState(tables.offsets, bits);
  const matchState = new FseState(tables.matches, bits);
  let used = 0;
  let made = 0;
  for (let i = 0; i < count; i++) {
    const offsetCode = offsetState.symbol;
    const value = 2 ** offsetCode + bits.readLong(offsetCode);
    const match = readLength(matchLengths, matchState.symbol, bits);
    const run = readLength(literalLengths, literalState.symbol, bits);
    if (bits.left < 0) throw new ZstdDamage('sequences are cut short');
    made += run + match;
    if (used + run > literals.length || made > maxBlockSize) throw new ZstdDamage('a sequence that is too long');
    output.append(literals, used, used + run);
    used += run;
    output.repeat(resolveOffset(value, run, memory), match);
    if (i + 1 === count) break;
    literalState.advance(bits);
    matchState.advance(bits);
    offsetState.advance(bits);
  }
  if (bits.left !== 0) throw new ZstdDamage('sequences with bits left over');
  if (made + literals.length - used > maxBlockSize) throw new ZstdDamage('a block that is too long');
  output.append(literals, used, literals.length);
}

function readLength(lengths: Lengths, code: number, bits: BackwardBits): number {
  return (lengths.bases[code] as number) + bits.read(lengths.bits[code] as number);
}
