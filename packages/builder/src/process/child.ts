import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Connection } from './connection.js';

const tailLimit = 4096;
/** A build that is ended unmounts and deletes first. */
const killAfterMs = 30_000;

/** The lines, the input and the end of a process: what connections to all places have in common. */
export async function startChild(
  program: string,
  args: readonly string[],
): Promise<Pick<Connection, 'send' | 'lines' | 'close'>> {
  // A group of its own: Ctrl-C at the terminal is told to it by us, once.
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  child.stdin.on('error', () => undefined);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-tailLimit);
  });
  await once(child, 'spawn');
  const ended = once(child, 'close') as Promise<[number | null]>;
  return {
    send: (line) => void child.stdin.write(`${line}\n`),
    lines: createInterface({ input: child.stdout, crlfDelay: Infinity }),
    close: async () => {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      const [code] = await ended;
      clearTimeout(timer);
      return { code, said: said.trim() };
    },
  };
}
