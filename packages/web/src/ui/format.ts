/** What people read of numbers and moments. Pure: the moment it is now is handed in. */

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** `812 B`, `1.4 MB`: decimal, as disks are sold and `ls --si` writes. */
export const bytesText = (bytes: number): string => {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit] ?? 'B'}`;
};

/** Bytes a second, of a transfer of `ms`; undefined where it was too short to tell. */
export const speedText = (bytes: number, ms: number): string | undefined =>
  ms < 1 || bytes === 0 ? undefined : `${bytesText((bytes / ms) * 1000)}/s`;

/** `340 ms`, `2.4 s`, `3 min 12 s`, `2 h 5 min`. */
export const durationText = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.round(minutes / 1440)} days`;
};

/** `just now`, `4 min ago`, `in 2 h`. */
export const relativeText = (at: number, now: number): string => {
  const ms = Math.abs(now - at);
  if (ms < 5000) return 'just now';
  const steps: readonly (readonly [number, string])[] = [
    [60_000, 's'],
    [3_600_000, 'min'],
    [86_400_000, 'h'],
    [Number.POSITIVE_INFINITY, 'days'],
  ];
  const sizes: Readonly<Record<string, number>> = { s: 1000, min: 60_000, h: 3_600_000, days: 86_400_000 };
  const unit = steps.find(([limit]) => ms < limit)?.[1] ?? 'days';
  const count = Math.floor(ms / (sizes[unit] ?? 1000));
  const text = unit === 'days' && count === 1 ? '1 day' : `${count} ${unit}`;
  return at > now ? `in ${text}` : `${text} ago`;
};

/** `1 board`, `3 boards`. */
export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
