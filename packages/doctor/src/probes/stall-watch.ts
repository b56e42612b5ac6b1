import { playedSteps, type BoardStep } from '@drover/simulator';

/** A board that does not get on: firmware and runtime are patient for many minutes, a person is not. */
export class Stalled extends Error {
  /** Where it stands. */
  readonly step: string;
  constructor(step: string, seconds: number) {
    super(`nothing came of it for ${seconds} s`);
    this.name = 'Stalled';
    this.step = step;
  }
}

/** Firmware gives a file 30 s, and says then that it gave up. */
const firmwareMs = 40_000;
/** The steps of a runtime take a blink of an eye each. */
const runtimeMs = 20_000;
/** Steps that take as long as a root is large: only the limit for the whole board ends them. */
const long: ReadonlySet<string> = new Set(['download', 'verify']);

/** What a board does after a step: the name of the next step, as far as its words tell. */
export const nextStep = (step: BoardStep, before: string): string => {
  if (step.type.startsWith('dhcp') || step.type === 'power-on') return 'dhcp';
  if (step.type === 'file' || step.type === 'network') return 'files';
  if (step.type === 'loaded') return playedSteps[0] ?? 'start';
  if (step.type !== 'os') return before;
  const done = /^([a-z-]+)(?: done$|: )/.exec(step.message)?.[1];
  const at = playedSteps.findIndex((each) => each === done);
  return at < 0 ? before : (playedSteps[at + 1] ?? before);
};

const limitOf = (step: string): number | undefined =>
  step === 'dhcp' || step === 'files' ? firmwareMs : long.has(step) ? undefined : runtimeMs;

export interface StallWatch {
  /** Aborted with {@link Stalled} when the board does not get on. */
  readonly signal: AbortSignal;
  readonly saw: (step: BoardStep) => void;
  readonly end: () => void;
}

/** Follows a board by its steps. `wholeMs` is for all of them together. */
export const createStallWatch = (wholeMs: number): StallWatch => {
  const controller = new AbortController();
  let step = 'dhcp';
  const giveUp = (ms: number) => (): void => controller.abort(new Stalled(step, Math.round(ms / 1000)));
  const whole = setTimeout(giveUp(wholeMs), wholeMs);
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    clearTimeout(timer);
    const ms = limitOf(step);
    timer = ms === undefined ? undefined : setTimeout(giveUp(ms), ms);
  };
  wait();
  return {
    signal: controller.signal,
    saw: (seen) => {
      step = nextStep(seen, step);
      wait();
    },
    end: () => {
      clearTimeout(whole);
      clearTimeout(timer);
    },
  };
};
