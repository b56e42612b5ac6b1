import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Cli } from '../command.js';

type Asking = Pick<Cli, 'io' | 'signal'>;

/** Somebody can be asked. */
export const canAsk = (): boolean => process.stdin.isTTY === true;

/** Asks on standard error, and gives the line that is answered. */
export const ask = async ({ io, signal }: Asking, question: string): Promise<string> => {
  const reader = createInterface({ input: process.stdin });
  io.err(question);
  try {
    return (await reader.question('', { signal })).trim();
  } finally {
    reader.close();
  }
};

/** Asks without showing what is typed; reads one line where there is no terminal. */
export const askSecret = async ({ io, signal }: Asking, question: string): Promise<string> => {
  const quiet = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const reader = createInterface({ input: process.stdin, output: quiet, terminal: canAsk() });
  io.err(question);
  try {
    return (await reader.question('', { signal })).trim();
  } finally {
    reader.close();
    io.err('\n');
  }
};
