import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { BuiltFile } from './manifest.js';

/** Size and digests of a file that was built. */
export async function digestFile(path: string): Promise<BuiltFile> {
  const [sha256, md5] = [createHash('sha256'), createHash('md5')];
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    sha256.update(bytes);
    md5.update(bytes);
  }
  return { size, sha256: sha256.digest('hex'), md5: md5.digest('hex') };
}
