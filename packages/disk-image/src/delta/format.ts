import { ImageError } from '../errors.js';
import type { DeltaPlan, Instruction } from './types.js';

/**
 * A delta is text that a shell can read line by line, and then bytes:
 *
 *     drover-delta 1
 *     old SIZE
 *     new SIZE
 *     data SIZE
 *     copy OFFSET LENGTH       bytes of the old file
 *     insert LENGTH            the next of the bytes below
 *     ...
 *     end
 *
 * The bytes of all inserts follow the last line and end with the file, so that they begin `data` bytes before its end. Numbers are decimal, without leading
 * zeros, of at most 15 digits. No length of an instruction is 0; all of them together are the size of the new file.
 */
export const firstLine = 'drover-delta 1';
/** A board starts a program for each. */
export const mostInstructions = 4000;
export const lastLine = 'end';
/** Of the text: more than so many instructions take. */
export const longestHead = 256 * 1024;

export const corrupt = (why: string, at?: number): ImageError =>
  new ImageError('image.delta.corrupt', `The delta cannot be used: ${why}`, {
    remedy: 'Make it again, or take the whole file.',
    ...(at === undefined ? {} : { at }),
  });

const lineOf = (instruction: Instruction): string =>
  instruction.kind === 'copy' ? `copy ${instruction.offset} ${instruction.length}` : `insert ${instruction.length}`;

const insertedBy = (instructions: readonly Instruction[]): number =>
  instructions.reduce((sum, { kind, length }) => (kind === 'insert' ? sum + length : sum), 0);

/** All lines before the bytes. */
export function encodeHead({ oldSize, newSize, instructions }: DeltaPlan): string {
  const data = insertedBy(instructions);
  const lines = [`old ${oldSize}`, `new ${newSize}`, `data ${data}`, ...instructions.map(lineOf)];
  return [firstLine, ...lines, lastLine, ''].join('\n');
}

/** What a delta weighs. */
export const deltaSize = (plan: DeltaPlan): number => encodeHead(plan).length + insertedBy(plan.instructions);

const numberPattern = '(0|[1-9][0-9]{0,14})';
const linePattern = new RegExp(`^(old|new|data|insert) ${numberPattern}$|^copy ${numberPattern} ${numberPattern}$`);

interface Line {
  readonly key: string;
  readonly first: number;
  readonly second: number;
}

function parseLine(text: string, number: number): Line {
  const match = linePattern.exec(text);
  if (match === null) throw corrupt(`line ${number} is none that is known`);
  const [, key, single, offset, length] = match;
  return { key: key ?? 'copy', first: Number(single ?? offset), second: Number(length ?? 0) };
}

function sizeIn(line: Line | undefined, key: string): number {
  if (line?.key !== key) throw corrupt(`there is no ${key}`);
  return line.first;
}

/** The lines of a head without the last one as a plan, and how many bytes follow. */
export function decodeHead(lines: readonly string[]): { plan: DeltaPlan; data: number } {
  if (lines[0] !== firstLine) throw corrupt('it is none, or of another version of Drover');
  const [old, next, bytes, ...rest] = lines.slice(1).map((text, number) => parseLine(text, number + 2));
  const [oldSize, newSize, data] = [sizeIn(old, 'old'), sizeIn(next, 'new'), sizeIn(bytes, 'data')];
  if (rest.length > mostInstructions) throw corrupt(`it has more than ${mostInstructions} instructions`);
  const instructions = instructionsIn(rest, oldSize);
  const made = instructions.reduce((sum, { length }) => sum + length, 0);
  if (made !== newSize) throw corrupt(`its instructions make ${made} bytes and not ${newSize}`);
  const inserted = insertedBy(instructions);
  if (inserted !== data) throw corrupt(`its instructions insert ${inserted} bytes and not ${data}`);
  return { plan: { oldSize, newSize, instructions }, data };
}

function instructionsIn(lines: readonly Line[], oldSize: number): Instruction[] {
  let at = 0;
  return lines.map(({ key, first, second }) => {
    if (key !== 'copy' && key !== 'insert') throw corrupt(`${key} is there twice, or in the wrong place`);
    const length = key === 'copy' ? second : first;
    if (length === 0) throw corrupt('an instruction is empty');
    if (key === 'copy' && first + length > oldSize) throw corrupt('it copies from beyond the end of the old file');
    const offset = key === 'copy' ? first : at;
    at += length;
    return { kind: key, offset, length };
  });
}
