import type { Instruction } from './types.js';

/** Copies shorter than `length` become inserts, and inserts that then touch become one. */
function withoutCopiesBelow(instructions: readonly Instruction[], length: number): Instruction[] {
  const kept: Instruction[] = [];
  let at = 0;
  for (const each of instructions) {
    const last = kept.at(-1);
    if (each.kind === 'copy' && each.length >= length) kept.push(each);
    else if (last?.kind === 'insert') kept[kept.length - 1] = { ...last, length: last.length + each.length };
    else kept.push({ kind: 'insert', offset: at, length: each.length });
    at += each.length;
  }
  return kept;
}

/** No more instructions than `most`: the shortest copies are given up. */
export function withAtMost(instructions: readonly Instruction[], most: number): readonly Instruction[] {
  if (instructions.length <= most) return instructions;
  // Of n copies there are at most n + 1 inserts.
  const copies = Math.floor((most - 1) / 2);
  const lengths = instructions
    .filter(({ kind }) => kind === 'copy')
    .map(({ length }) => length)
    .sort((a, b) => b - a);
  return withoutCopiesBelow(instructions, (lengths[copies] ?? 0) + 1);
}
