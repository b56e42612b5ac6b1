/** One to thousands of boards in one process, each with an address of its own, the same boards for the same seed. */
import { setMaxListeners } from 'node:events';
import { addressBytes } from './addresses.js';
import { createClock, type Clock } from './clock.js';
import { randomIdentity, type BoardIdentity } from './identity.js';
import { isModelName, models, type ModelName } from './models.js';
import type { OsStage } from './os-stage.js';
import { percentilesOf, type Percentiles } from './percentiles.js';
import { powerCycle, type PowerCycleResult } from './power-cycle.js';
import { createRandom, seedOf, type Random } from './random.js';
import type { BoardNetwork, BoardOptions, BoardStep } from './types.js';

export interface FleetOptions {
  readonly count: number;
  /** The same seed gives the same serial numbers, MACs, models and delays; 1. */
  readonly seed?: number;
  /** Share of each model, in any unit; all Pi 4 Model B. */
  readonly models?: Partial<Readonly<Record<ModelName, number>>>;
  /** How every board reaches the server; each gets its own address, counting up from `firstAddress`. */
  readonly network: FleetNetwork;
  /** Milliseconds over which the boards are switched on, evenly; 0 all at once. */
  readonly rampUpMs?: number;
  /** Most boards under way at once; no limit. */
  readonly concurrency?: number;
  /** How often a board may start over when its firmware or its system would; 1 is no second attempt. */
  readonly attempts?: number;
  /** Plays initramfs and agent. */
  readonly osStage?: OsStage;
  readonly board?: Pick<BoardOptions, 'eeprom' | 'quirks' | 'content' | 'hashes' | 'transport'>;
  readonly clockScale?: number;
  readonly onStep?: (step: BoardStep) => void;
  readonly onBoard?: (result: FleetBoardResult) => void;
}

export interface FleetNetwork {
  /** `relay` asks the server's DHCP port as a relay would; `static` skips DHCP. */
  readonly mode: 'relay' | 'static';
  readonly server: string;
  /** First board's address, by default 127.16.0.1. */
  readonly firstAddress?: string;
  readonly dhcpPort?: number;
  readonly relayPort?: number;
  readonly tftpPort?: number;
  readonly httpPort?: number;
}

export interface FleetBoardResult extends PowerCycleResult {
  readonly identity: BoardIdentity;
  readonly address: string;
}

export interface FleetSummary {
  readonly boards: number;
  readonly up: number;
  readonly failed: number;
  /** Count per `step:reason`. */
  readonly failures: Readonly<Record<string, number>>;
  readonly models: Readonly<Record<string, number>>;
  readonly firmwareMs: Percentiles;
  readonly osMs: Percentiles;
  readonly totalMs: Percentiles;
  readonly bytes: number;
  readonly requests: number;
  readonly resent: number;
  readonly wallMs: number;
}

interface FleetBoard {
  readonly identity: BoardIdentity;
  readonly address: string;
}

const pickModel = (random: Random, shares: readonly (readonly [ModelName, number])[]): ModelName => {
  const total = shares.reduce((sum, [, share]) => sum + share, 0);
  let left = random.next() * total;
  for (const [name, share] of shares) {
    left -= share;
    if (left < 0) return name;
  }
  return shares.at(-1)?.[0] ?? '4b';
};

const sharesOf = (wanted: FleetOptions['models']): readonly (readonly [ModelName, number])[] => {
  const shares = Object.entries(wanted ?? { '4b': 1 }).map(([name, share]) => {
    if (!isModelName(name)) throw new RangeError(`models: "${name}" is not one of ${Object.keys(models).join(', ')}`);
    if (!(share >= 0)) throw new RangeError(`models: share of ${name} must not be negative`);
    return [name, share] as const;
  });
  if (shares.every(([, share]) => share === 0)) throw new RangeError('models: at least one share must be positive');
  return shares;
};

const addressAt = (first: string, index: number): string => {
  const value = addressBytes(first).readUInt32BE(0) + index;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
};

/** The boards of a fleet: no two share the low half of a serial number or a MAC. */
export const fleetBoards = (
  options: Pick<FleetOptions, 'count' | 'seed' | 'models' | 'network'>,
): readonly FleetBoard[] => {
  if (!Number.isInteger(options.count) || options.count < 1)
    throw new RangeError('count must be a whole number from 1');
  const shares = sharesOf(options.models);
  const random = createRandom(options.seed ?? 1);
  const taken = new Set<string>();
  const unique = (model: ModelName): BoardIdentity => {
    for (;;) {
      const identity = randomIdentity(model, random);
      if (taken.has(identity.shortSerial) || taken.has(identity.mac)) continue;
      taken.add(identity.shortSerial).add(identity.mac);
      return identity;
    }
  };
  const first = options.network.firstAddress ?? '127.16.0.1';
  return Array.from({ length: options.count }, (_, index) => ({
    identity: unique(pickModel(random, shares)),
    address: addressAt(first, index),
  }));
};

const networkOf = ({ firstAddress: _first, ...network }: FleetNetwork, address: string): BoardNetwork => ({
  ...network,
  address,
});

/** One board of the fleet, from power-on to up or to giving up. */
const bootOne = async (
  options: FleetOptions,
  clock: Clock,
  { identity, address }: FleetBoard,
  signal: AbortSignal | undefined,
): Promise<FleetBoardResult> => {
  const { onStep, osStage, attempts } = options;
  const result = await powerCycle(
    {
      board: {
        content: 'discard',
        hashes: false,
        ...options.board,
        identity,
        network: networkOf(options.network, address),
        clock,
        random: createRandom(seedOf(`${options.seed ?? 1} ${identity.serial}`)),
        ...(onStep === undefined ? {} : { onStep }),
      },
      ...(osStage === undefined ? {} : { osStage }),
      ...(attempts === undefined ? {} : { attempts }),
    },
    signal,
  );
  return { identity, address, ...result };
};

const countBy = <T>(items: readonly T[], key: (item: T) => string | undefined): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const item of items) {
    const name = key(item);
    if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
};

export const summarize = (results: readonly FleetBoardResult[], wallMs: number): FleetSummary => {
  const up = results.filter((result) => result.up);
  const total = (field: 'bytes' | 'requests' | 'resent'): number =>
    results.reduce((sum, result) => sum + result[field], 0);
  return {
    boards: results.length,
    up: up.length,
    failed: results.length - up.length,
    failures: countBy(results, ({ failure }) => failure),
    models: countBy(results, ({ identity }) => identity.model.name),
    firmwareMs: percentilesOf(up.map(({ firmwareMs }) => firmwareMs)),
    osMs: percentilesOf(up.map(({ osMs }) => osMs)),
    totalMs: percentilesOf(up.map(({ totalMs }) => totalMs)),
    bytes: total('bytes'),
    requests: total('requests'),
    resent: total('resent'),
    wallMs: Math.round(wallMs),
  };
};

/**
 * Boots the whole fleet once.
 * @throws RangeError naming a bad option; Error when the signal is aborted or the host cannot give a board its address.
 */
export const runFleet = async (options: FleetOptions, signal?: AbortSignal): Promise<FleetSummary> => {
  if (signal !== undefined) setMaxListeners(0, signal);
  const clock = createClock(options.clockScale ?? 1);
  const wall = createClock();
  const waiting = [...fleetBoards(options)];
  const every = (options.rampUpMs ?? 0) / waiting.length;
  const started = wall.now();
  const results: FleetBoardResult[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < waiting.length; index = next++) {
      const board = waiting[index];
      if (board === undefined) return;
      const due = started + index * every - wall.now();
      if (due > 0) await wall.sleep(due, signal);
      const result = await bootOne(options, clock, board, signal);
      results.push(result);
      options.onBoard?.(result);
    }
  };
  const lanes = Math.min(options.concurrency ?? waiting.length, waiting.length);
  await Promise.all(Array.from({ length: lanes }, work));
  return summarize(results, wall.now() - started);
};
