import type { IdPrefix } from '@drover/contract';

/** Milliseconds since the epoch; a port so that tests own time. */
export interface Clock {
  now(): number;
}

/** Fresh ids (`dev_` + ULID) and random bytes. */
export interface Ids {
  next(prefix: IdPrefix): string;
  /** `bytes` random bytes in lower-case hex. */
  randomHex(bytes: number): string;
}

/** Structured log, the part of pino's interface that the application uses. Never hand it a key, a secret or a whole URL. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: object): Log;
}

/** Something that runs long. `start` resolves when it serves; `stop` when nothing of it is left. */
export interface Service {
  start(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}
