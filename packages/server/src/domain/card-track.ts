/** Longest line, its moment included. */
export const maxTrackLine = 256;

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-01-31 23:59:59.000000` in UTC, of microseconds since the epoch. */
const momentText = (micros: number): string => {
  const at = new Date(Math.floor(micros / 1000));
  const date = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  return `${date} ${time}.${String(micros % 1_000_000).padStart(6, '0')}`;
};

/** A line of the track of a card: one line, whatever came over the wire. */
export const trackLine = (micros: number, text: string): string =>
  `${momentText(micros)} ${text.replace(/\p{Cc}+/gu, ' ')}`.slice(0, maxTrackLine);

/** What each fetch of a config leaves. */
export const bootGet = 'BOOT GET';

/** Cards are listed for so long after they were last seen: 3 months. */
export const trackKeptMs = 92 * 86_400_000;

/** Moments in microseconds that only grow, from a clock of milliseconds. */
export const createMicros = (now: () => number): (() => number) => {
  let last = 0;
  return () => {
    last = Math.max(last + 1, now() * 1000);
    return last;
  };
};
