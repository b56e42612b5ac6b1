import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';

const blockBytes = 4096;

/** How many blocks of 4 KiB of a disk, read by nbdcopy, are not those of the image. */
export async function differingBlocks(uri: string, image: string): Promise<number> {
  const copy = spawn('nbdcopy', [uri, '-'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(copy, 'exit') as Promise<[number]>;
  const file = await open(image);
  let [differing, at] = [0, 0];
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of copy.stdout as AsyncIterable<Buffer>) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const whole = bytes.length - (bytes.length % blockBytes);
      const same = Buffer.alloc(whole);
      await file.read(same, 0, whole, at);
      for (let block = 0; block < whole; block += blockBytes) {
        if (bytes.compare(same, block, block + blockBytes, block, block + blockBytes) !== 0) differing += 1;
      }
      at += whole;
      rest = bytes.subarray(whole);
    }
    const [code] = await ended;
    const { size } = await file.stat();
    if (code !== 0 || at !== size || rest.length > 0)
      throw new Error(`nbdcopy gave ${at} of ${size} bytes, and ${code}`);
    return differing;
  } finally {
    await file.close();
  }
}
