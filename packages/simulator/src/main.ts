/** `node dist/main.js`: boards from the command line, one JSON object per line on standard output. */
import { randomInt } from 'node:crypto';
import { readArguments, usage, type Command } from './arguments.js';
import { createBoard } from './board.js';
import { emulatedPi } from './emulated-pi.js';
import { runFleet } from './fleet.js';
import { createRandom, type Random } from './random.js';

const print = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

/** A board switched on again does not repeat its transaction ids. */
const freshRandom = (): Random => createRandom(randomInt(2 ** 32));

const runBoard = async (command: Extract<Command, { kind: 'board' }>, signal: AbortSignal): Promise<number> => {
  const board = createBoard({ ...command.board, random: freshRandom(), onStep: print });
  const result = await board.boot({ signal });
  await board.release();
  return result.ok ? 0 : 1;
};

const runGuest = async (command: Extract<Command, { kind: 'guest' }>, signal: AbortSignal): Promise<number> => {
  const result = await emulatedPi({
    board: { ...command.board, random: freshRandom() },
    ...command.guest,
    onStep: print,
  }).run(signal);
  print({ type: 'end', end: result.end, boots: result.boots, errors: result.lastExit?.errors ?? '' });
  return result.boots > 0 && result.end !== 'qemu-failed' && result.end !== 'failures' ? 0 : 1;
};

const runMany = async (command: Extract<Command, { kind: 'fleet' }>, signal: AbortSignal): Promise<number> => {
  const summary = await runFleet(
    {
      ...command.fleet,
      onBoard: ({ identity, ...rest }) =>
        print({ type: 'board', serial: identity.serial, model: identity.model.name, ...rest }),
    },
    signal,
  );
  print({ type: 'summary', ...summary });
  return summary.failed === 0 ? 0 : 1;
};

const run = (command: Command, signal: AbortSignal): Promise<number> => {
  if (command.kind === 'board') return runBoard(command, signal);
  if (command.kind === 'guest') return runGuest(command, signal);
  if (command.kind === 'fleet') return runMany(command, signal);
  process.stdout.write(usage);
  return Promise.resolve(0);
};

const read = (argv: readonly string[]): Command | undefined => {
  try {
    return readArguments(argv);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nTry --help.\n`);
    return undefined;
  }
};

const main = async (): Promise<void> => {
  const command = read(process.argv.slice(2));
  if (command === undefined) {
    process.exitCode = 2;
    return;
  }
  const power = new AbortController();
  const switchOff = (): void => power.abort(new Error('switched off'));
  process.once('SIGINT', switchOff);
  process.once('SIGTERM', switchOff);
  try {
    process.exitCode = await run(command, power.signal);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
};

await main();
