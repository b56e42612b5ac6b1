import { createInterface } from 'node:readline';
import { RefusedError } from '@drover/contract';
import { createLocalBuilder } from '../local-builder.js';
import type { BuildMessage, BuildRequest } from './messages.js';
import { withFolders } from './unpack-folders.js';

// A process that builds one image for another program, on this machine or over SSH: a request comes in, events and the result go out.

const say = (message: BuildMessage): Promise<void> =>
  new Promise((resolve) => process.stdout.write(`${JSON.stringify(message)}\n`, () => resolve()));

/** Lines of our input; whoever asked has gone when they end. */
function listen(gone: () => void): { next(): Promise<string> } {
  const lines: string[] = [];
  let isOver = false;
  let wake: () => void = () => undefined;
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    lines.push(line);
    wake();
  });
  input.on('close', () => {
    isOver = true;
    gone();
    wake();
  });
  return {
    next: async () => {
      while (lines.length === 0 && !isOver) await new Promise<void>((resolve) => (wake = resolve));
      const line = lines.shift();
      if (line === undefined) throw new Error('whoever asked for this build has gone');
      return line;
    },
  };
}

async function main(): Promise<void> {
  const ending = new AbortController();
  const end = (): void => ending.abort(new Error('the build was ended'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  // Nobody to tell is no fault of the build: it ends with its input.
  process.stdout.on('error', end);
  const input = listen(end);
  const request = JSON.parse(await input.next()) as BuildRequest;
  const builder = createLocalBuilder({ cacheDir: request.cacheDir });
  const { signal } = ending;
  const { base } = request;
  const images = base && { open: () => Promise.resolve({ sha256: base.sha256, disk: { path: base.path } }) };
  const common = {
    ...{ signal, lockFile: request.lockFile ?? undefined, images: images ?? undefined },
    onEvent: (event: Extract<BuildMessage, { kind: 'event' }>['event']) => void say({ kind: 'event', event }),
  };
  await withFolders(request, async (recipe) => {
    if (request.kind === 'plan') return say({ kind: 'plan', plan: await builder.plan(recipe, common) });
    await builder.build(recipe, {
      ...{ ...common, strong: request.strong },
      deliver: async ({ manifest }, folder) => {
        await say({ kind: 'built', manifest, folder });
        await input.next();
      },
    });
  });
  await say({ kind: 'done' });
}

main().then(
  () => process.exit(0),
  async (error: unknown) => {
    if (error instanceof RefusedError) await say({ kind: 'refused', refusal: error.refusal });
    else console.error(error);
    process.exit(1);
  },
);
