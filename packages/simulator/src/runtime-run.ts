/** One play of the device runtime: what its steps share, how a step begins and ends, how the play ends before its time. */
import { bootSteps, deviceApiBase, type BootStep } from '@drover/contract';
import { reasonOf, type DeviceAnswer, type DeviceHttp } from './device-http.js';
import type { OsBoard, OsOutcome } from './os-stage.js';
import type { RuntimeParameters } from './runtime-parameters.js';
import type { ReportQueue } from './runtime-reports.js';
import type { BootImage } from './types.js';

/** Steps of a board that boots over the network into a root in RAM; the others are a card's, or of a root that is attached. */
export type PlayedStep = Exclude<
  BootStep,
  'card' | 'ask' | 'signed' | 'config' | 'attach' | 'update' | 'trial' | 'bootcode'
>;

const unplayed: ReadonlySet<BootStep> = new Set([
  ...(['card', 'ask', 'signed', 'config', 'attach', 'update', 'trial', 'bootcode'] as const),
]);
export const playedSteps: readonly PlayedStep[] = bootSteps.filter((step): step is PlayedStep => !unplayed.has(step));

/** What may be made to go wrong, for tests of what a server makes of it. */
export interface RuntimeFaults {
  /** Exchange the one-use secret a second time with another nonce, as somebody who copied it would. */
  readonly reuseSecret?: boolean;
  /** Fall silent once this step was reported as done. */
  readonly stopAfter?: PlayedStep;
  /** Report this step as failed instead of doing it, and restart. */
  readonly failAt?: PlayedStep;
}

export interface RuntimeRun {
  readonly boot: BootImage;
  readonly board: OsBoard;
  readonly faults: RuntimeFaults;
  readonly parameters: RuntimeParameters;
  readonly http: DeviceHttp;
  readonly reports: ReportQueue;
  /** Seconds of board time since the kernel started. */
  readonly uptime: () => number;
  authorization: string;
  step: PlayedStep;
  /** Seconds before a restart, and up to as many by chance. */
  restartDelay: number;
}

type NotUp = Extract<OsOutcome, { ok: false }>;

/** Ends the play: a step that failed, or silence. */
export class PlayEnd extends Error {
  readonly outcome: NotUp;
  constructor(outcome: NotUp) {
    super(outcome.message);
    this.outcome = outcome;
  }
}

/** The present step failed: the board restarts, as `panic=` says or after a while. */
export const fail = ({ parameters, board, step, restartDelay }: RuntimeRun, message: string): never => {
  const byChance = restartDelay + board.random.between(0, restartDelay - 1);
  const wait = parameters.panic === 0 ? byChance : Math.max(parameters.panic, 0);
  throw new PlayEnd({ ok: false, reason: step, message, restartAfterMs: wait * 1000 });
};

const failWhenTold = (run: RuntimeRun): void => {
  if (run.faults.failAt === run.step) fail(run, 'told to fail here');
};

const stopWhenTold = ({ faults, step }: RuntimeRun): void => {
  if (faults.stopAfter !== step) return;
  throw new PlayEnd({ ok: false, reason: 'stopped', message: `told to fall silent after ${step}` });
};

/** Begins a step without a word to the server; `finish` tells that it is done. */
export const enter = (run: RuntimeRun, step: PlayedStep): void => {
  run.step = step;
  failWhenTold(run);
};

export const finish = async (run: RuntimeRun, message: string): Promise<void> => {
  run.board.say(message === '' ? `${run.step} done` : `${run.step}: ${message}`);
  await run.reports.report(run.step, 'ok', message);
  stopWhenTold(run);
};

/** A step from its first report to its last; `tell` says what came of it. */
export const doStep = async <T>(
  run: RuntimeRun,
  step: PlayedStep,
  begun: string,
  work: () => Promise<T> | T,
  tell: (done: T) => string,
): Promise<T> => {
  run.step = step;
  await run.reports.report(step, 'start', begun);
  failWhenTold(run);
  const done = await work();
  await finish(run, tell(done));
  return done;
};

/** 1, 2, 4 ... `limit` seconds and up to half of that on top. */
export const backOff =
  ({ clock, random, signal }: OsBoard) =>
  (attempt: number, limit: number): Promise<void> => {
    const wait = Math.min(2 ** Math.min(attempt, 10), limit);
    return clock.sleep((wait + random.between(0, Math.floor(wait / 2))) * 1000, signal);
  };

export const isGood = ({ status }: DeviceAnswer): boolean => status >= 200 && status < 300;
export const isRefusal = ({ status }: DeviceAnswer): boolean => status >= 400 && status < 500;

/** Of this boot's session. */
export const sessionPath = ({ parameters }: Pick<RuntimeRun, 'parameters'>, action: string): string =>
  `${deviceApiBase}/sessions/${parameters.session}/${action}`;

export const get = ({ http, authorization }: RuntimeRun, path: string): Promise<DeviceAnswer> =>
  http.ask({ method: 'GET', path, authorization });

/** Asks until an answer is `wanted`, for as long as the runtime is patient; a `refused` one ends it at once. */
export const insist = async (
  run: RuntimeRun,
  ask: () => Promise<DeviceAnswer>,
  { wanted, refused, what }: { wanted: (answer: DeviceAnswer) => boolean; refused: typeof isRefusal; what: string },
): Promise<DeviceAnswer> => {
  const until = run.uptime() + run.parameters.patience;
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (refused(answer) || run.uptime() >= until) fail(run, `${what}: ${reasonOf(answer)}`);
    await backOff(run.board)(attempt, 16);
  }
};
