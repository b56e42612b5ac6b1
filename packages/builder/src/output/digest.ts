import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { BuiltFile } from './manifest.js';

/** Reads a file once and says its digests. */
async function digest<A extends string>(path: string, algorithms: readonly A[]) {
  const hashes = algorithms.map((algorithm) => [algorithm, createHash(algorithm)] as const);
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    for (const [, hash] of hashes) hash.update(bytes);
  }
  const found = hashes.map(([algorithm, hash]) => [algorithm, hash.digest('hex')] as const);
  return { size, ...(Object.fromEntries(found) as Record<A, string>) };
}

/** Size and digest of a file that was built. */
export const digestFile = (path: string): Promise<BuiltFile> => digest(path, ['sha256']);

/** The same of one that cards of CattlePi fetch. */
export const digestForCards = (path: string): Promise<BuiltFile> => digest(path, ['sha256', 'md5']);
