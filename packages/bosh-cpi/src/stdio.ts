import { readSync, writeSync } from 'node:fs';

// Standard input and output by their descriptors: the streams of Node for them take a tenth of the start of a call, and a call has nothing else to do meanwhile.

const wouldBlock = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EAGAIN';

const pieceBytes = 1 << 16;

/** Everything that comes in, up to its end. Somebody may have left the descriptor in a state where it does not wait: then the stream waits. */
export const readInput = async (): Promise<string> => {
  const pieces: Buffer[] = [];
  try {
    for (;;) {
      const piece = Buffer.allocUnsafe(pieceBytes);
      const bytes = readSync(0, piece);
      if (bytes === 0) return Buffer.concat(pieces).toString('utf8');
      pieces.push(piece.subarray(0, bytes));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EOF') return Buffer.concat(pieces).toString('utf8');
    if (!wouldBlock(error)) throw error;
  }
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
};

/** Writes all of it to 1 (standard output) or 2 (standard error), and gives once it is out. */
export const write = async (to: 1 | 2, text: string): Promise<void> => {
  let left: Buffer = Buffer.from(text);
  try {
    while (left.length > 0) left = left.subarray(writeSync(to, left));
  } catch (error) {
    if (!wouldBlock(error)) throw error;
    const stream = to === 1 ? process.stdout : process.stderr;
    await new Promise<void>((resolve, reject) => {
      stream.write(left, (failed) => {
        if (failed) reject(failed);
        else resolve();
      });
    });
  }
};
