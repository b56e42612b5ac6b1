import { once } from 'node:events';
import { ending, failure, startAnywhere, Tail, type RunOptions } from './runner.js';

/**
 * What a program prints, as it comes and no faster than it is taken. Whoever stops taking ends the program. Throws as
 * {@link import('./runner.js').ToolRunner} does, once all that it printed was taken.
 */
export async function* streamTool(
  tool: string,
  args: readonly string[],
  { signal }: Pick<RunOptions, 'signal'> = {},
): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  const child = await startAnywhere(tool, args, {});
  const { end, stop } = ending(child);
  const said = new Tail();
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  signal?.addEventListener('abort', end, { once: true });
  child.stdin.end();
  child.stderr.on('data', (chunk: Buffer) => said.add(chunk));
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const [code, killedBy] = await ended;
    signal?.throwIfAborted();
    if (code !== 0) throw failure(tool, killedBy ?? String(code), said.value);
  } finally {
    if (child.exitCode === null && child.signalCode === null) end();
    child.stdout.destroy();
    await ended;
    stop();
    signal?.removeEventListener('abort', end);
  }
}
