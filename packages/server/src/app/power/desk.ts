import { refusal, withTimeLimit, type Refusal, type Result } from '@drover/contract';
import { pause } from '../jobs/pause.js';
import type { ConfiguredDriver, PowerDriver, PowerLimits, PowerTarget, Switched } from './ports.js';

/** Uses the drivers as their limits say. A call that fails is tried again; only the last word of it counts. */
export interface PowerDesk {
  readonly drivers: ReadonlyMap<string, ConfiguredDriver>;
  /** Rejects with the reason of the signal when that is aborted. */
  readonly switch: (driver: string, target: PowerTarget, to: Switched, signal: AbortSignal) => Promise<Result<null>>;
  readonly query: (driver: string, target: PowerTarget, signal: AbortSignal) => Promise<Result<Switched>>;
}

const retryAfterMs = 1000;

export function createPowerDesk(drivers: ReadonlyMap<string, ConfiguredDriver>, pauseMs = retryAfterMs): PowerDesk {
  const gates = new Map([...drivers].map(([name, { limits }]) => [name, createGate(limits)]));

  const use = async <T>(
    name: string,
    isStart: boolean,
    signal: AbortSignal,
    call: (driver: PowerDriver, signal: AbortSignal) => Promise<Result<T>>,
  ): Promise<Result<T>> => {
    const found = drivers.get(name);
    const gate = gates.get(name);
    if (found === undefined || gate === undefined) return refuseUnknown(name);
    const { driver, limits } = found;
    return gate(isStart, signal, async () => {
      let result = await once(limits, signal, (limit) => call(driver, limit));
      for (let left = limits.retries; left > 0 && !result.ok && result.code === 'power.failed'; left -= 1) {
        await pause(pauseMs, signal);
        result = await once(limits, signal, (limit) => call(driver, limit));
      }
      return result;
    });
  };

  return {
    drivers,
    switch: (name, target, to, signal) =>
      use(name, to === 'on', signal, (driver, limit) => driver.switch(target, to, limit)),
    query: (name, target, signal) => use(name, false, signal, (driver, limit) => driver.query(target, limit)),
  };
}

export const refuseUnknown = (name: string): Refusal =>
  refusal('power.unsupported', `There is no power driver ${name} in the settings of this server.`, {
    remedy: 'See `drover power drivers`, or add it to power.drivers.',
    errors: [{ field: 'power.driver', message: 'is not known here' }],
  });

async function once<T>(
  { timeoutMs }: PowerLimits,
  signal: AbortSignal,
  call: (signal: AbortSignal) => Promise<Result<T>>,
): Promise<Result<T>> {
  signal.throwIfAborted();
  const result = await call(withTimeLimit(signal, timeoutMs));
  signal.throwIfAborted();
  return result;
}

type Gate = <T>(isStart: boolean, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/** Lets so many in at once, and those that switch something on one after the other with time between. */
function createGate({ concurrency, staggerMs }: PowerLimits): Gate {
  let inside = 0;
  let nextStart = 0;
  const queue: (() => void)[] = [];
  const enter = async (signal: AbortSignal): Promise<void> => {
    if (inside < concurrency) {
      inside += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        queue.splice(queue.indexOf(begin), 1);
        reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
      };
      queue.push(begin);
      signal.addEventListener('abort', leave, { once: true });
    });
  };
  const leave = (): void => {
    const next = queue.shift();
    if (next === undefined) inside -= 1;
    else next();
  };
  return async (isStart, signal, work) => {
    signal.throwIfAborted();
    await enter(signal);
    try {
      if (isStart) {
        const now = Date.now();
        const begin = Math.max(now, nextStart);
        nextStart = begin + staggerMs;
        if (begin > now) await pause(begin - now, signal);
        signal.throwIfAborted();
      }
      return await work();
    } finally {
      leave();
    }
  };
}
