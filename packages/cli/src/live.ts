import type { Client } from '@drover/sdk';
import { flagOption, type Action, type Cli } from './command.js';
import { connect } from './connect.js';
import { createScreen } from './terminal/screen.js';
import { hint } from './show.js';

/** What tells that a picture may have changed: the event log, or timelines of boots besides. */
export type LiveSource = 'events' | 'timelines';

/** News within this time are one, ms. */
const lingerMs = 300;
/** On a terminal ages grow without news, ms. */
const ageMs = 10_000;

/** Somebody waits for the next piece of news; those that came meanwhile are not lost. */
function createBell() {
  let isRung = false;
  let wake = (): void => undefined;
  return {
    ring: (): void => {
      isRung = true;
      wake();
    },
    /** Until it rings, or the time is over, or the signal. */
    wait: async (ms: number, signal: AbortSignal): Promise<void> => {
      if (!isRung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = ms === Infinity ? undefined : setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
          signal.addEventListener('abort', wake, { once: true });
        });
      }
      isRung = false;
    },
  };
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });

/** Rings for each piece of news, across lost connections, until the signal. Rejects when the server refuses to tell. */
async function listen(
  client: Client,
  source: LiveSource,
  ring: () => void,
  cli: Cli,
  signal: AbortSignal,
): Promise<void> {
  const onConnection = (state: 'open' | 'lost'): void => {
    // What happened in between is in the next picture.
    if (state === 'open') ring();
    else if (!signal.aborted && !cli.io.isTerminal) hint(cli, 'The connection is lost; trying again.');
  };
  const follow = async (operation: 'listEvents' | 'watchTimelines'): Promise<void> => {
    for await (const event of client.follow(operation, {}, { signal, onConnection })) {
      void event;
      ring();
    }
  };
  await Promise.all([follow('listEvents'), ...(source === 'timelines' ? [follow('watchTimelines')] : [])]);
}

/** What a command writes to standard output this time. Its hints are for those who look once. */
async function pictureOf(action: Action, cli: Cli, args: readonly string[]): Promise<string> {
  let text = '';
  const io = { ...cli.io, out: (more: string) => void (text += more), err: () => undefined };
  await action({ ...cli, io }, args);
  return text;
}

const isLost = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'server.unreachable' || error.code === 'server.busy');

/** A line without the ages in it, which are others each time. */
const withoutAges = (line: string): string => line.replaceAll(/\b\d+ (s|min|h|days) ago\b/g, 'ago');

/** Lines that were not there before. */
const newLines = (before: string, after: string): string => {
  const known = new Set(before.split('\n').map(withoutAges));
  return after
    .split('\n')
    .filter((line) => line !== '' && !known.has(withoutAges(line)))
    .map((line) => `${line}\n`)
    .join('');
};

/** Pretty JSON as one line, for those who read line by line. */
const oneLine = (text: string): string => (text.trim() === '' ? '' : `${JSON.stringify(JSON.parse(text))}\n`);

/**
 * The same command again and again, as events happen: on a terminal the picture is drawn anew in its place, elsewhere lines that are new or changed are appended, and
 * with `--json` the whole as one line whenever it is another.
 */
export const liveAction =
  (action: Action, source: LiveSource): Action =>
  async (cli, args) => {
    if (!flagOption(cli.options, 'watch')) return action(cli, args);
    // The first time everything is as ever: what is refused now is refused.
    let shown = await pictureOf(action, cli, args);
    const ending = new AbortController();
    const signal = AbortSignal.any([cli.signal, ending.signal]);
    const bell = createBell();
    let fault: Error | undefined;
    const listening = listen(connect(cli), source, bell.ring, cli, signal).catch((error: unknown) => {
      if (signal.aborted) return;
      fault = error instanceof Error ? error : new Error(String(error));
      bell.ring();
    });
    const screen = cli.io.isTerminal && !cli.json ? createScreen(cli.io) : undefined;
    const append = (text: string): void => {
      if (cli.json) {
        if (text !== shown) cli.io.out(oneLine(text));
      } else cli.io.out(newLines(shown, text));
      shown = text;
    };
    try {
      if (screen !== undefined) screen.draw(shown);
      else cli.io.out(cli.json ? oneLine(shown) : shown);
      for (;;) {
        await bell.wait(screen === undefined ? Infinity : ageMs, signal);
        await pause(lingerMs, signal);
        if (signal.aborted || fault !== undefined) break;
        const next = await pictureOf(action, cli, args).catch((error: unknown) => {
          // It is asked again when the connection is there.
          if (isLost(error)) return undefined;
          throw error;
        });
        if (next === undefined) screen?.draw(shown, 'The server cannot be reached; trying again.');
        else if (screen === undefined) append(next);
        else screen.draw((shown = next));
      }
      if (fault !== undefined) throw fault;
      cli.signal.throwIfAborted();
      return undefined;
    } finally {
      ending.abort();
      screen?.close(shown);
      await listening;
    }
  };
