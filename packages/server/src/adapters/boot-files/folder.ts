import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

/**
 * One folder of copies, which may be thrown away at any time: `<sha256>` with those bytes, `part-<sha256>` that says which copy was made of something, and
 * `new-...` for what is being written. What has its name is whole: it was made durable first.
 */

const named = /^(part-)?[0-9a-f]{64}$/;
const unfinished = /^new-/;

export const isCopyName = (name: string): boolean => named.test(name);
export const isUnfinished = (name: string): boolean => unfinished.test(name);

/** Path of a copy. Throws for what is no name of one. */
export function copyPath(folder: string, name: string): string {
  if (!isCopyName(name)) throw new Error(`${JSON.stringify(name)} is no name of a copy`);
  return join(folder, name);
}

export const unfinishedPath = (folder: string): string => join(folder, `new-${randomBytes(8).toString('hex')}`);
