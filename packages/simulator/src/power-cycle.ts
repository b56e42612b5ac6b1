/** From power-on to up: the firmware, then the operating system's stage, starting over as either would by itself. */
import { createBoard } from './board.js';
import { chained } from './chained-signal.js';
import { createClock, type Clock } from './clock.js';
import { holdsLease } from './network-access.js';
import { noOsStage, type OsOutcome, type OsStage } from './os-stage.js';
import { createRandom, seedOf, type Random } from './random.js';
import type { BoardEvent, BoardNetwork, BoardOptions, BootImage, FileRequest } from './types.js';

export interface PowerCycleOptions {
  readonly board: BoardOptions;
  /** Plays initramfs and agent; without one a board that has its kernel counts as up. */
  readonly osStage?: OsStage;
  /** How often the board may start over when its firmware or its system would; 1 is no second attempt. */
  readonly attempts?: number;
}

export interface PowerCycleResult {
  readonly up: boolean;
  /** `step:reason` of what ended it, when it is not up. */
  readonly failure?: string;
  /** In words: how it came up, or why not. */
  readonly message: string;
  readonly attempts: number;
  /** Firmware stage of the last attempt. */
  readonly firmwareMs: number;
  readonly osMs: number;
  /** From power-on to up or to giving up. */
  readonly totalMs: number;
  readonly bytes: number;
  readonly requests: number;
  readonly resent: number;
}

/** How one attempt ended, and whether the board starts over by itself. */
interface Attempt {
  readonly failure?: string;
  readonly message: string;
  readonly firmwareMs: number;
  readonly osMs: number;
  readonly restartAfterMs?: number;
}

const sumOf = (requests: readonly FileRequest[], field: 'size' | 'resent'): number =>
  requests.reduce((sum, request) => sum + (request.outcome === 'terminated' ? 0 : request[field]), 0);

/** Address the system speaks from; undefined where the lease is not on this host's interface. */
const localAddressOf = (network: BoardNetwork, image: BootImage): string | undefined => {
  if (network.mode !== 'broadcast') return network.address;
  return holdsLease(network) ? image.address : undefined;
};

interface Bench {
  readonly options: PowerCycleOptions;
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds on the clock when the board was switched on. */
  readonly poweredOn: number;
  readonly signal: AbortSignal;
}

/** @throws Error when the signal is aborted. */
const runOs = async ({ options, clock, random, poweredOn, signal }: Bench, image: BootImage): Promise<Attempt> => {
  const { board, osStage = noOsStage } = options;
  const { identity } = board;
  const emit = (event: BoardEvent): void =>
    board.onStep?.({ at: Math.round(clock.now() - poweredOn), serial: identity.serial, ...event });
  const localAddress = localAddressOf(board.network, image);
  const started = clock.now();
  const outcome: OsOutcome = await osStage(image, {
    ...{ identity, clock, random, signal },
    ...(localAddress === undefined ? {} : { localAddress }),
    say: (message) => emit({ type: 'os', name: 'os', message }),
  });
  const { message } = outcome;
  const took = { message, firmwareMs: image.ms, osMs: clock.now() - started };
  if (outcome.ok) {
    emit({ type: 'up', message });
    return took;
  }
  emit({ type: 'os-failed', reason: outcome.reason, message });
  const { restartAfterMs } = outcome;
  return { ...took, failure: `os:${outcome.reason}`, ...(restartAfterMs === undefined ? {} : { restartAfterMs }) };
};

/**
 * Switches a board on and lets it run until it is up, has given up or has used its attempts.
 * @throws RangeError naming a bad option; Error when the signal is aborted or the host cannot give the board its address.
 */
export const powerCycle = async (options: PowerCycleOptions, outer?: AbortSignal): Promise<PowerCycleResult> => {
  const { identity, clockScale } = options.board;
  const clock = options.board.clock ?? createClock(clockScale ?? 1);
  const random = options.board.random ?? createRandom(seedOf(identity.serial));
  const board = createBoard({ ...options.board, clock, random });
  const { signal, unchain } = chained(outer);
  const started = clock.now();
  const requests: FileRequest[] = [];

  const attempt = async (): Promise<Attempt> => {
    const poweredOn = clock.now();
    const boot = await board.boot({ signal });
    requests.push(...(boot.ok ? boot.image.files : boot.failure.files));
    if (boot.ok) return runOs({ options, clock, random, poweredOn, signal }, boot.image);
    const { step, reason, message, ms, then, retryAfterMs } = boot.failure;
    const failure = { failure: `${step}:${reason}`, message, firmwareMs: ms, osMs: 0 };
    return then === 'sleep' ? failure : { ...failure, restartAfterMs: retryAfterMs };
  };

  try {
    for (let attempts = 1; ; attempts += 1) {
      const { restartAfterMs, ...ended } = await attempt();
      if (ended.failure !== undefined && restartAfterMs !== undefined && attempts < (options.attempts ?? 1)) {
        await clock.sleep(restartAfterMs, signal);
        continue;
      }
      return {
        up: ended.failure === undefined,
        ...ended,
        attempts,
        totalMs: clock.now() - started,
        bytes: sumOf(requests, 'size'),
        requests: requests.length,
        resent: sumOf(requests, 'resent'),
      };
    }
  } finally {
    unchain();
    await board.release();
  }
};
