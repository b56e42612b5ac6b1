import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { withTimeLimit } from '@drover/contract';
import { afterEach, beforeEach, expect, it } from 'vitest';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let collecting: NodeJS.Timeout;
beforeEach(() => {
  collecting = setInterval(collectGarbage, 20);
});
afterEach(() => clearInterval(collecting));

/** Why work ended that nobody but the signal ends. */
const reasonOf = (work: () => AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    const signal = work();
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });

it('ends in time, whatever is collected meanwhile', async () => {
  const { signal } = new AbortController();
  expect(await reasonOf(() => withTimeLimit(signal, 200))).toMatchObject({ name: 'TimeoutError' });
});

it('ends with the signal before that', async () => {
  const stopping = new AbortController();
  setTimeout(() => stopping.abort(new Error('stopped')), 100);
  expect(await reasonOf(() => withTimeLimit(stopping.signal, 60_000))).toMatchObject({ message: 'stopped' });
});
