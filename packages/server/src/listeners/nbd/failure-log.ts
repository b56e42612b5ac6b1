import type { ListenerLog } from '../udp/log.js';

/** Warnings about clients, so few that a hostile one cannot fill the log. */
export interface FailureLog {
  /** Logs the first of a `subject` in each minute, with how many were left out since the one before. */
  warn(subject: string, fields: Record<string, unknown>, message: string): void;
}

const quietMs = 60_000;
/** Subjects kept in mind; beyond that nothing is logged until some are forgotten. */
const mostSubjects = 1024;

export function createFailureLog(log: ListenerLog, now: () => number): FailureLog {
  const subjects = new Map<string, { until: number; leftOut: number }>();

  /** In the order of their last line: the oldest come first. */
  const forgetOld = (at: number): void => {
    for (const [subject, { until }] of subjects) {
      if (until > at) break;
      subjects.delete(subject);
    }
  };

  return {
    warn(subject, fields, message) {
      const at = now();
      const known = subjects.get(subject);
      if (known && known.until > at) {
        known.leftOut += 1;
        return;
      }
      subjects.delete(subject);
      forgetOld(at);
      if (subjects.size >= mostSubjects) return;
      subjects.set(subject, { until: at + quietMs, leftOut: 0 });
      log.warn(known && known.leftOut > 0 ? { ...fields, leftOut: known.leftOut } : fields, message);
    },
  };
}
