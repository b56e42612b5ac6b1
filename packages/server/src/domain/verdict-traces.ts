import type { TimelineEntry } from '@drover/contract';

/** Questions about a timeline that several faults ask. */

type EntryOf<T extends TimelineEntry['type']> = Extract<TimelineEntry, { type: T }>;
export type Transfer = EntryOf<'tftp.file'>;

export const entries = <T extends TimelineEntry['type']>(timeline: readonly TimelineEntry[], type: T): EntryOf<T>[] =>
  timeline.filter((entry): entry is EntryOf<T> => entry.type === type);

export const files = (timeline: readonly TimelineEntry[]): (EntryOf<'tftp.file'> | EntryOf<'http.file'>)[] =>
  timeline.filter((entry) => entry.type === 'tftp.file' || entry.type === 'http.file');

/** The name of a file without the board's folder. */
export const fileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1).toLowerCase();

export const asked = (timeline: readonly TimelineEntry[], name: RegExp): boolean =>
  files(timeline).some((file) => name.test(fileName(file.path)));

export const got = (timeline: readonly TimelineEntry[], name: RegExp): boolean =>
  files(timeline).some((file) => name.test(fileName(file.path)) && file.outcome === 'complete');

/** Asked for at least once and never there. */
export const missed = (timeline: readonly TimelineEntry[], name: RegExp): string | undefined => {
  const wanted = files(timeline).filter((file) => name.test(fileName(file.path)));
  const [first] = wanted;
  return first !== undefined && wanted.every((file) => file.outcome === 'absent') ? first.path : undefined;
};

/** Transfers that broke off, other than by the board having seen enough. */
export const broken = (timeline: readonly TimelineEntry[]): Transfer[] =>
  entries(timeline, 'tftp.file').filter((file) => ['aborted', 'timed-out', 'failed'].includes(file.outcome));

/** First match in what the board wrote: its logs, and the messages of its reports. */
export function said(timeline: readonly TimelineEntry[], pattern: RegExp): RegExpExecArray | undefined {
  for (const entry of timeline) {
    const text = entry.type === 'log' ? entry.text : entry.type === 'report' ? entry.message : '';
    const match = pattern.exec(text);
    if (match !== null) return match;
  }
  return undefined;
}

export const failedReport = (timeline: readonly TimelineEntry[]): EntryOf<'report'> | undefined =>
  entries(timeline, 'report').findLast((report) => report.state === 'failed');

export const lastReport = (timeline: readonly TimelineEntry[]): EntryOf<'report'> | undefined =>
  entries(timeline, 'report').findLast((report) => report.state !== 'info');

/** Options by which another server tells a board where to boot from (wire reference, section 2). */
const bootOptions = new Set([43, 60, 66, 67]);
export const rival = (timeline: readonly TimelineEntry[]): EntryOf<'dhcp.rival'> | undefined =>
  entries(timeline, 'dhcp.rival').find((entry) => entry.options.some((option) => bootOptions.has(option)));
