import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { main, type Surroundings } from './main.js';

// What `drover-cpi` runs: one request on standard input, one answer on standard output, the log on standard error. The exit code says nothing.

const files: Surroundings['files'] = {
  text: (path) => readFile(path, 'utf8'),
  size: async (path) => (await stat(path)).size,
  sha256: async (path) => {
    // Few calls need it, and it is a fifteenth of the start of a call.
    const { createHash } = await import('node:crypto');
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
    return hash.digest('hex');
  },
  read: async (path, start, end) => {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
      if (bytesRead !== end - start) throw new Error(`${path} became shorter while it was read`);
      return buffer;
    } finally {
      await file.close();
    }
  },
};

const readInput = async (): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

const run = async (): Promise<void> => {
  const answer = await main(process.argv.slice(2), await readInput(), {
    files,
    clock: { now: Date.now, sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) },
    tell: (text) => void process.stderr.write(text),
  });
  // Connections to the server are kept open for a while; nobody waits for them.
  process.stdout.write(`${JSON.stringify(answer)}\n`, () => process.exit(0));
};

void run();
