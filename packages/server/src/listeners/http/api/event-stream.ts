import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { withTimeLimit } from '@drover/contract';
import type { StreamMessage } from './handlers.js';

export interface EventStreamOptions {
  /** Aborted when the caller went away or the server stops. */
  readonly signal: AbortSignal;
  /** Ms between comments that keep proxies from closing a quiet stream. */
  readonly heartbeatMs: number;
  /** Ms a reader may leave its buffers full before it is cut off; it resumes from the last id it read. */
  readonly stallMs: number;
  /** Asked at each heartbeat, and before a message when that is a second ago: false ends the stream (the key was revoked meanwhile). */
  readonly stillAllowed: () => Promise<boolean>;
}

/** One message as WHATWG's server-sent events writes it. JSON has no bare line breaks, so one `data` line holds it. */
export const formatMessage = ({ id, type, data }: StreamMessage<unknown>): string =>
  `${id === null ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

const askAgainMs = 1000;

const drained = async (response: ServerResponse, stallMs: number, signal: AbortSignal): Promise<void> => {
  const limit = withTimeLimit(signal, stallMs);
  try {
    await once(response, 'drain', { signal: limit });
  } catch (error) {
    if (signal.aborted) return;
    response.destroy();
    throw error;
  }
};

/**
 * Writes messages until the source ends or the signal aborts. The source is asked for the next message only when the last one left, so a slow reader
 * costs its socket's buffer and nothing more.
 */
export const writeEventStream = async (
  response: ServerResponse,
  messages: AsyncIterable<StreamMessage<unknown>>,
  { signal, heartbeatMs, stallMs, stillAllowed }: EventStreamOptions,
): Promise<void> => {
  const ended = new AbortController();
  const stop = AbortSignal.any([signal, ended.signal]);
  let askedAt = performance.now();
  const ask = async (): Promise<void> => {
    askedAt = performance.now();
    // Where nobody can say, the stream goes on: the database comes back, and is asked again.
    if (!(await stillAllowed().catch(() => true))) ended.abort();
  };
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': still here\n\n');
    void ask();
  }, heartbeatMs);
  const iterator = messages[Symbol.asyncIterator]();
  const stopped = new Promise<{ done: true; value: undefined }>((resolve) => {
    stop.addEventListener('abort', () => {
      resolve({ done: true, value: undefined });
    });
  });
  try {
    response.write(': hello\nretry: 2000\n\n');
    while (!stop.aborted) {
      const next = await Promise.race([iterator.next(), stopped]);
      if (next.done === true) break;
      if (performance.now() - askedAt >= askAgainMs) await ask();
      if (ended.signal.aborted) break;
      if (!response.write(formatMessage(next.value))) await drained(response, stallMs, stop);
    }
  } finally {
    clearInterval(heartbeat);
    void iterator.return?.();
    response.end();
  }
};
