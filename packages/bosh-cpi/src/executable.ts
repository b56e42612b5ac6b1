import type * as FileSystem from 'node:fs/promises';
import { main, type Surroundings } from './main.js';
import { readInput, write } from './stdio.js';

// What `drover-cpi` runs: one request on standard input, one answer on standard output, the log on standard error. The exit code says nothing.

/** Few calls read files; what reads them is loaded then. */
const fileSystem = (): Promise<typeof FileSystem> => import('node:fs/promises');

const files: Surroundings['files'] = {
  text: async (path) => (await fileSystem()).readFile(path, 'utf8'),
  size: async (path) => (await (await fileSystem()).stat(path)).size,
  sha256: async (path) => {
    const [{ createHash }, { createReadStream }] = await Promise.all([import('node:crypto'), import('node:fs')]);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
    return hash.digest('hex');
  },
  read: async (path, start, end) => {
    const file = await (await fileSystem()).open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
      if (bytesRead !== end - start) throw new Error(`${path} became shorter while it was read`);
      return buffer;
    } finally {
      await file.close();
    }
  },
};

const run = async (): Promise<void> => {
  const answer = await main(process.argv.slice(2), await readInput(), {
    files,
    clock: { now: Date.now, sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) },
    // The log is in the answer, too: a director that does not listen gets that.
    tell: (text) => void write(2, text).catch(() => undefined),
  });
  // Connections to the server are kept open for a while; nobody waits for them.
  await write(1, `${JSON.stringify(answer)}\n`);
  process.exit(0);
};

void run();
