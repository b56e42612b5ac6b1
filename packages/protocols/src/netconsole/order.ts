import type { WholeRecord } from './fragments.js';

/** What comes out of the order of sequence numbers. `restarted`: the numbers begin again, as another kernel runs. */
export type Ordered =
  | { readonly kind: 'record'; readonly record: WholeRecord }
  | { readonly kind: 'missing'; readonly count: number }
  | { readonly kind: 'restarted' };

/** Puts records into the order they were written in: datagrams overtake each other. */
export interface Order {
  take(record: WholeRecord): Ordered[];
  /** Nothing that is missing is waited for any longer. */
  giveUp(): Ordered[];
  isEmpty(): boolean;
}

/** Records remembered, to tell a datagram that came twice or late from a kernel that started anew. */
const remembered = 128;

export function createOrder(window: number): Order {
  const early = new Map<number, WholeRecord>();
  const recent = new Map<number, number>();
  let expected: number | undefined;

  const deliver = (record: WholeRecord): Ordered => {
    recent.set(record.sequence, record.uptimeUs);
    if (recent.size > remembered) recent.delete(recent.keys().next().value!);
    expected = Math.max(expected ?? 0, record.sequence + 1);
    return { kind: 'record', record };
  };

  const drain = (): Ordered[] => {
    const out: Ordered[] = [];
    for (let next = early.get(expected ?? 0); next !== undefined; next = early.get(expected ?? 0)) {
      early.delete(next.sequence);
      out.push(deliver(next));
    }
    return out;
  };

  /** Goes on with the next one that is there. */
  const skip = (): Ordered[] => {
    const next = Math.min(...early.keys());
    const count = next - (expected ?? next);
    expected = next;
    return [...(count > 0 ? [{ kind: 'missing', count } as const] : []), ...drain()];
  };

  const skipAll = (): Ordered[] => {
    const out: Ordered[] = [];
    while (early.size > 0) out.push(...skip());
    return out;
  };

  /** A number below those that came already. */
  const takeLate = (record: WholeRecord, awaited: number): Ordered[] => {
    if (recent.get(record.sequence) === record.uptimeUs) return [];
    const [oldest = 0, newest = 0] = [Math.min(...recent.values()), Math.max(...recent.values())];
    const isLate = awaited - record.sequence <= remembered && record.uptimeUs >= oldest && record.uptimeUs <= newest;
    if (isLate) return [deliver(record)];
    const rest = skipAll();
    recent.clear();
    expected = undefined;
    return [...rest, { kind: 'restarted' }, deliver(record)];
  };

  return {
    take: (record) => {
      if (expected === undefined || record.sequence === expected) return [deliver(record), ...drain()];
      if (record.sequence < expected) return takeLate(record, expected);
      early.set(record.sequence, record);
      return early.size > window ? skip() : [];
    },
    giveUp: skipAll,
    isEmpty: () => early.size === 0,
  };
}
