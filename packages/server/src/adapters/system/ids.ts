import { randomBytes } from 'node:crypto';
import type { Clock, Ids } from '../../app/ports.js';

/** Crockford's base32, as the ULID specification wants it. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

const encode = (value: bigint, length: number): string => {
  let text = '';
  let rest = value;
  for (let i = 0; i < length; i += 1) {
    text = (alphabet[Number(rest & 31n)] ?? '') + text;
    rest >>= 5n;
  }
  return text;
};

const randomBits = 80n;
const freshRandom = (): bigint => BigInt(`0x${randomBytes(10).toString('hex')}`);

/**
 * ULIDs: 48 bits of milliseconds, 80 random ones. Within a millisecond, or when the clock steps back, the random part counts up, so that the ids of
 * one process always sort in the order they were made.
 */
export const createIds = ({ clock }: { readonly clock: Clock }): Ids => {
  let lastTime = 0;
  let lastRandom = 0n;
  const nextUlid = (): string => {
    const now = clock.now();
    const steps = now <= lastTime ? lastRandom + 1n : undefined;
    if (steps === undefined || steps >= 1n << randomBits) {
      lastTime = Math.max(now, lastTime + (steps === undefined ? 0 : 1));
      lastRandom = freshRandom();
    } else {
      lastRandom = steps;
    }
    return encode(BigInt(lastTime), 10) + encode(lastRandom, 16);
  };
  return {
    next: (prefix) => `${prefix}_${nextUlid()}`,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
  };
};
