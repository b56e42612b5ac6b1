import type { DomainEvent } from '@drover/contract';

/** What came live before what was read, newest first, each once. Pure. */
export const mergeEvents = (fresh: readonly DomainEvent[], read: readonly DomainEvent[]): readonly DomainEvent[] => {
  if (fresh.length === 0) return read;
  const known = new Set(read.map(({ id }) => id));
  return [...fresh.filter(({ id }) => !known.has(id)), ...read];
};
