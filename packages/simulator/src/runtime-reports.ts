/** Telling the server how a boot goes, as device/lib/report.sh does: queued first, sent in order, tried again when the server is away. */
import type { BootStep, ReportQuery } from '@drover/contract';

export type ReportState = ReportQuery['state'];

export interface ReportQueue {
  /** Queues a report and sends what waits, unless the server did not answer lately. */
  report(step: BootStep, state: ReportState, message?: string): Promise<void>;
  /** There is a way to the server from now on. */
  open(): void;
  /** Sends what waits, trying so many times with growing pauses; false when something is left. */
  insist(attempts: number): Promise<boolean>;
  /** A piece of log. Best effort. */
  log(step: BootStep, source: NonNullable<ReportQuery['log']>, text: string): Promise<void>;
}

export interface ReportQueueDeps {
  /** Posts to the reports of the session; gives the HTTP status, 0 without an answer. */
  readonly post: (query: string, body?: string) => Promise<number>;
  /** Seconds since the kernel started. */
  readonly uptime: () => number;
  readonly pause: (attempt: number, limit: number) => Promise<void>;
}

const mostQueued = 300;
/** Seconds without another attempt after one that failed, so that a dead server does not hold up the boot. */
const restSeconds = 10;
const longestMessage = 1000;

/** Printable ASCII, as a console gives it to a query. */
const plainText = (text: string): string => text.slice(0, longestMessage).replace(/[^ -~]/g, ' ');

/** Refused is delivered: it would be refused again. */
const isDelivered = (status: number): boolean => [2, 4].includes(Math.floor(status / 100));

export const createReportQueue = ({ post, uptime, pause }: ReportQueueDeps): ReportQueue => {
  const waiting: string[] = [];
  let isOpen = false;
  let restUntil = 0;
  const queryOf = (more: Record<string, string>): string =>
    new URLSearchParams({ ...more, uptime: uptime().toFixed(2) }).toString();

  const flush = async (): Promise<boolean> => {
    if (!isOpen) return waiting.length === 0;
    restUntil = 0;
    for (let query = waiting[0]; query !== undefined; query = waiting[0]) {
      if (!isDelivered(await post(query))) {
        restUntil = uptime() + restSeconds;
        return false;
      }
      waiting.shift();
    }
    return true;
  };

  return {
    open: () => {
      isOpen = true;
    },
    report: async (step, state, message = '') => {
      if (waiting.length < mostQueued) waiting.push(queryOf({ step, state, message: plainText(message) }));
      if (uptime() >= restUntil) await flush();
    },
    insist: async (attempts) => {
      for (let attempt = 1; !(await flush()); attempt += 1) {
        if (attempt >= attempts) return false;
        await pause(attempt, 60);
      }
      return true;
    },
    log: async (step, source, text) => {
      if (isOpen) await post(queryOf({ step, state: 'info', log: source }), text);
    },
  };
};
