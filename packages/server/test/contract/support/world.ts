import { randomBytes } from 'node:crypto';
import type { IdPrefix } from '@drover/contract';
import type { Clock, Ids, Log } from '../../../src/app/ports.js';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
let counter = 0;

/** Ids in the form of ULIDs that grow with each call. */
export const testIds: Ids = {
  next: (prefix: IdPrefix) => {
    counter += 1;
    let text = '';
    for (let rest = counter; text.length < 10; rest = Math.floor(rest / 32)) text = alphabet.charAt(rest % 32) + text;
    return `${prefix}_${text}${[...randomBytes(16)].map((byte) => alphabet.charAt(byte % 32)).join('')}`;
  },
  randomHex: (bytes) => randomBytes(bytes).toString('hex'),
};

/** A clock that stands still unless it is set forward. */
export interface TestClock extends Clock {
  advance(ms: number): void;
}
export const createTestClock = (start = Date.UTC(2026, 0, 1)): TestClock => {
  let now = start;
  return {
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
};

export const systemClock: Clock = { now: () => Date.now() };
export const iso = (ms: number): string => new Date(ms).toISOString();

/** Keeps what was logged. */
export interface TestLog extends Log {
  readonly lines: { level: 'debug' | 'info' | 'warn' | 'error'; fields: object; message: string }[];
}
export const createTestLog = (): TestLog => {
  const lines: TestLog['lines'] = [];
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: object, message: string): void => {
      lines.push({ level, fields, message });
    };
  const log: TestLog = {
    lines,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return log;
};
