import { StringDecoder } from 'node:string_decoder';

export interface Transcript {
  append(chunk: Buffer): void;
  /** No more will come, and why; whoever still waits is told at once. */
  close(reason: string): void;
  /** Everything so far. */
  text(): string;
  /**
   * The first match after the previous expect's match, now or once it appears. Text is looked at as it arrives, in pieces:
   * a group at the end of a pattern needs what follows it (`/address (\\S+)\\r?\\n/`), or it may be cut short. Throws after `timeoutMs`, or when the
   * transcript is closed without it, showing the end of what there was.
   */
  expect(pattern: RegExp | string, timeoutMs: number): Promise<RegExpExecArray>;
}

const shownOnFailure = 3_000;

interface Waiter {
  readonly pattern: RegExp;
  settle(outcome: RegExpExecArray | Error): void;
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Collects what a program or a guest's serial console says, and waits for words in it. */
export function createTranscript(name: string): Transcript {
  const decoder = new StringDecoder('utf8');
  const waiters = new Set<Waiter>();
  let text = '';
  let cursor = 0;
  let closed: string | undefined;

  function take(pattern: RegExp): RegExpExecArray | undefined {
    const match = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(text.slice(cursor));
    if (match === null) return undefined;
    cursor += match.index + match[0].length;
    return match;
  }

  function failure(pattern: RegExp, why: string): Error {
    return new Error(`${name}: ${why} while waiting for ${pattern}. Last seen:\n${text.slice(-shownOnFailure)}`);
  }

  return {
    append(chunk) {
      text += decoder.write(chunk);
      for (const waiter of waiters) {
        const match = take(waiter.pattern);
        if (match !== undefined) waiter.settle(match);
      }
    },
    close(reason) {
      closed = reason;
      for (const waiter of waiters) waiter.settle(failure(waiter.pattern, reason));
    },
    text: () => text,
    expect(wanted, timeoutMs) {
      const pattern = typeof wanted === 'string' ? new RegExp(escaped(wanted)) : wanted;
      const already = take(pattern);
      if (already !== undefined) return Promise.resolve(already);
      if (closed !== undefined) return Promise.reject(failure(pattern, closed));
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => waiter.settle(failure(pattern, `nothing for ${timeoutMs} ms`)), timeoutMs);
        const waiter: Waiter = {
          pattern,
          settle(outcome) {
            clearTimeout(timer);
            waiters.delete(waiter);
            if (outcome instanceof Error) reject(outcome);
            else resolve(outcome);
          },
        };
        waiters.add(waiter);
      });
    },
  };
}
