/** A repeatable source of randomness: the same seed gives the same board, the same duplicates, the same fleet. */
export interface Random {
  /** Uniform in 0 <= x < 1. */
  next(): number;
  /** Uniform whole number in min <= x <= max. */
  between(min: number, max: number): number;
  /** Unsigned 32-bit number. */
  uint32(): number;
  /** One of the items, each as likely. */
  pick<T>(items: readonly [T, ...T[]]): T;
}

/** Mulberry32 over a 32-bit seed: small, fast, good enough for choosing delays and serial numbers. */
export const createRandom = (seed: number): Random => {
  let state = seed >>> 0;
  const uint32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const next = (): number => uint32() / 0x1_0000_0000;
  const between = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return { next, between, uint32, pick: (items) => items[between(0, items.length - 1)] ?? items[0] };
};

/** A 32-bit seed from text (FNV-1a), so that a board's serial number can seed the board. */
export const seedOf = (text: string): number => {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
};
