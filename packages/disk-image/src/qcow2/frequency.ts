/** How often things were asked for lately, in few bytes. Two of them may now and then be taken for one. */
export interface Frequency {
  touch(key: number): void;
  of(key: number): number;
}

/** Counters for each thing that is worth keeping: few enough of them are shared. */
const countersPerEntry = 8;
/** Touches for each such thing after which all counters are halved, so that what was wanted once does not stay for ever. */
const touchesPerEntry = 10;
/** Low, so that what was wanted by many makes room soon for what others want now. */
const mostCounted = 7;

/** For a cache of so many entries (TinyLFU, Einziger and Friedman 2014, with one hash). */
export function createFrequency(entries: number): Frequency {
  const length = 2 ** Math.ceil(Math.log2(Math.max(entries, 128) * countersPerEntry));
  const counters = new Uint8Array(length);
  const window = Math.max(entries, 128) * touchesPerEntry;
  let touches = 0;

  const age = (): void => {
    touches = 0;
    for (let at = 0; at < length; at++) counters[at] = (counters[at] as number) >>> 1;
  };

  return {
    touch: (key) => {
      const at = hashOf(key) & (length - 1);
      if ((counters[at] as number) < mostCounted) counters[at] = (counters[at] as number) + 1;
      touches += 1;
      if (touches >= window) age();
    },
    of: (key) => counters[hashOf(key) & (length - 1)] as number,
  };
}

/** Mixes all 53 bits (the finalizer of MurmurHash3). */
function hashOf(key: number): number {
  let hash = (key >>> 0) ^ Math.imul(Math.floor(key / 2 ** 32), 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
