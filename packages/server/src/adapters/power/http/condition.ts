import { parsePath } from '@drover/contract';
import type { Condition } from '../settings.js';

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
};

const at = (document: unknown, path: string): unknown =>
  (parsePath(path) ?? []).reduce<unknown>(
    (node, step) =>
      typeof node === 'object' && node !== null && Object.hasOwn(node, step)
        ? (node as Record<string | number, unknown>)[step]
        : undefined,
    document,
  );

/** All of `pieces` one after the other: what a pattern of pieces with `.*` between them would find, in one pass whatever the line is. */
const hasInOrder = (line: string, pieces: readonly string[]): boolean => {
  let from = 0;
  for (const piece of pieces) {
    const found = line.indexOf(piece, from);
    if (found === -1) return false;
    from = found + piece.length;
  }
  return true;
};

/** Whether an answer says what it must. */
export const holds = ({ text, contains, json, is }: Condition, body: string): boolean => {
  if (text !== undefined) return body === text;
  if (contains !== undefined) {
    const pieces = typeof contains === 'string' ? [contains] : contains;
    return body.split('\n').some((line) => hasInOrder(line, pieces));
  }
  if (json === undefined) return true;
  const found = at(parsed(body), json);
  return is === undefined ? found !== undefined : found === is;
};
