import { UsageError } from './command.js';

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Seconds of `45s`, `30m`, `4h`, `7d` or `2w`; throws UsageError that names the option. */
export function secondsOf(option: string, text: string): number {
  const [, count, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
  const seconds = Number(count) * (units[unit ?? ''] ?? NaN);
  if (!Number.isSafeInteger(seconds) || seconds === 0)
    throw new UsageError(`${option} ${text} is no time`, 'Write a number and s, m, h, d or w: 30m, 4h, 7d.');
  return seconds;
}
