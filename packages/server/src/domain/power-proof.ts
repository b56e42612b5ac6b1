import type { PowerState } from '@drover/contract';

/** What is known of a board's power, as far as it is to be proved. Moments are RFC 3339. */
export interface Unproved {
  readonly state: PowerState;
  /** When it was switched. */
  readonly actedAt: string;
  /** Until when something has to show that it was. */
  readonly proofUntil: string;
  /** A person was told to switch it, who may take all that time. */
  readonly byHand: boolean;
}

export type Proof =
  | { readonly kind: 'open' }
  | { readonly kind: 'proved'; readonly by: 'the board' | 'silence' }
  | { readonly kind: 'failed'; readonly reason: string };

/** A board that loses its power may have sent its last packet just before; it is noted a moment later. */
const graceMs = 5000;
/** A board that is up gives a sign of life at least this often: it keeps a question open for 50 s. */
const askEveryMs = 60_000;

/**
 * The closed loop: a board that was switched on is heard in time (its DHCP, a boot, what it asks while it is up, a heartbeat), one that was switched off is not. What
 * a driver says is not enough: plugs are mixed up, and relays stick.
 */
export function proofOf(unproved: Unproved, lastSeenAt: string | null, now: number): Proof {
  const { state, actedAt, proofUntil } = unproved;
  const acted = Date.parse(actedAt);
  const isOver = now >= Date.parse(proofUntil);
  const seconds = Math.round((Date.parse(proofUntil) - acted) / 1000);
  const seen = lastSeenAt === null ? -Infinity : Date.parse(lastSeenAt);
  if (state === 'off') {
    const reason = `it was heard ${Math.round((seen - acted) / 1000)} s after it was switched off`;
    if (seen > silentFrom(unproved)) return unproved.byHand && !isOver ? { kind: 'open' } : { kind: 'failed', reason };
    return isOver ? { kind: 'proved', by: 'silence' } : { kind: 'open' };
  }
  if (seen > acted) return { kind: 'proved', by: 'the board' };
  return isOver
    ? { kind: 'failed', reason: `nothing was heard of it in the ${seconds} s after it was switched on` }
    : { kind: 'open' };
}

/** From when on a board that was switched off is silent, in ms since the epoch. */
function silentFrom({ actedAt, proofUntil, byHand }: Unproved): number {
  const from = Date.parse(actedAt) + graceMs;
  return byHand ? Math.max(from, Date.parse(proofUntil) - askEveryMs) : from;
}

/** Whether an answer of the board would show that it was not switched off, so that it is worth asking. */
export const isToBeAsked = (unproved: Unproved, now: number): boolean =>
  unproved.state === 'off' && !unproved.byHand && now > silentFrom(unproved);
