export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof weekdays)[number];

/** When something is due: at a time of day where the zone is, on all days or some. */
export interface Timetable {
  /** `02:30` */
  readonly at: string;
  /** None: every day. */
  readonly days: readonly Weekday[];
  /** As the tz database calls it: `Europe/Berlin`. */
  readonly timezone: string;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** A day that loses an hour is one too. */
const shortestDayMs = 23 * 60 * minuteMs;

interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What a clock on a wall of that zone shows. */
function localTime(ms: number, timezone: string): LocalTime {
  const parts = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
  const format =
    formats.get(timezone) ??
    new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
      ...{ ...parts, second: 'numeric', hourCycle: 'h23', timeZone: timezone },
    });
  formats.set(timezone, format);
  const values = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const of = (type: keyof LocalTime): number => values.get(type) ?? 0;
  return {
    ...{ year: of('year'), month: of('month'), day: of('day') },
    ...{ hour: of('hour'), minute: of('minute'), second: of('second') },
  };
}

/** How far the zone is ahead of UTC at a moment. */
function offsetAt(ms: number, timezone: string): number {
  const { year, month, day, hour, minute, second } = localTime(ms, timezone);
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(ms / 1000) * 1000;
}

/**
 * The moment when the clock of a zone shows a time that is written as if it were UTC. A time that the clock shows twice is its first; one that it leaves
 * out comes as much later as the clock is put forward.
 */
function momentOf(local: number, timezone: string): number {
  const before = offsetAt(local - dayMs, timezone);
  const after = offsetAt(local + dayMs, timezone);
  const moments = [before, after].map((offset) => ({ at: local - offset, offset }));
  const shown = moments.filter(({ at, offset }) => offsetAt(at, timezone) === offset).map(({ at }) => at);
  return shown.length === 0 ? local - before : Math.min(...shown);
}

/** The latest moment up to `now` when it was due. */
export function lastDue({ at, days, timezone }: Timetable, now: number): number {
  const [hour = 0, minute = 0] = at.split(':').map(Number);
  const today = localTime(now, timezone);
  const midnight = Date.UTC(today.year, today.month - 1, today.day);
  // A week back, and a day in case this one's time has not come.
  for (let back = 0; back <= 8; back += 1) {
    const date = midnight - back * dayMs;
    const weekday = weekdays[(new Date(date).getUTCDay() + 6) % 7];
    if (days.length > 0 && !days.some((day) => day === weekday)) continue;
    const due = momentOf(date + (hour * 60 + minute) * minuteMs, timezone);
    if (due <= now) return due;
  }
  throw new Error('a week without a day');
}

/**
 * Whether it is to be done now. `since`: when we began to look; `last`: when it was last done. What was missed before we looked is made up for once, if it
 * was ever done, and not within a day.
 */
export function isDue(
  timetable: Timetable,
  { now, since, last }: { readonly now: number; readonly since: number; readonly last: number | undefined },
): boolean {
  const due = lastDue(timetable, now);
  if (last !== undefined && due <= last) return false;
  if (due >= since) return true;
  return last !== undefined && now - last >= shortestDayMs;
}

/** Recipes so that each comes after those it extends, else as they stand. `chain`: names of all it extends, and its own. */
export function inOrderOfExtends<T extends { readonly name: string; readonly chain: readonly string[] }>(
  recipes: readonly T[],
): T[] {
  const extendsOther = (recipe: T, other: T): boolean =>
    recipe.name !== other.name && recipe.chain.includes(other.name);
  const ordered: T[] = [];
  const place = (recipe: T): void => {
    if (ordered.includes(recipe)) return;
    // A chain is never a circle: those were refused when it was read.
    for (const other of recipes) if (extendsOther(recipe, other) && !extendsOther(other, recipe)) place(other);
    ordered.push(recipe);
  };
  recipes.forEach(place);
  return ordered;
}
