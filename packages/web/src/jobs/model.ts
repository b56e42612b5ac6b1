import type { Job, JobState, Progress } from '@drover/contract';
import { bytesText, durationText } from '../ui/format.js';

export const jobLooks = {
  queued: { tone: 'plain', form: 'dashed', label: 'Waits' },
  running: { tone: 'info', form: 'half', label: 'Runs' },
  succeeded: { tone: 'ok', form: 'full', label: 'Done' },
  failed: { tone: 'bad', form: 'cross', label: 'Failed' },
  cancelled: { tone: 'warn', form: 'triangle', label: 'Cancelled' },
} as const satisfies Record<JobState, { tone: string; form: string; label: string }>;

export const isUnfinished = ({ endedAt }: Pick<Job, 'endedAt'>): boolean => endedAt === null;
export const mayRetry = ({ state }: Pick<Job, 'state'>): boolean => state === 'failed' || state === 'cancelled';

/** `Reading: 1.2 GB of 2.0 GB`, `Installing: 3 of 12`. */
export const progressText = ({ step, done, total, unit }: Progress): string => {
  const say = (value: number): string => (unit === 'bytes' ? bytesText(value) : value.toLocaleString('en'));
  return `${step}: ${say(done)}${total === null ? '' : ` of ${say(total)}`}`;
};

/** How long it took, or takes so far; undefined before it has begun. */
export const tookText = (
  { startedAt, endedAt }: { readonly startedAt: string | null; readonly endedAt: string | null },
  now: number,
): string | undefined => {
  if (startedAt === null) return undefined;
  const end = endedAt === null ? now : Date.parse(endedAt);
  return durationText(Math.max(0, end - Date.parse(startedAt)));
};
