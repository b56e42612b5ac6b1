import { routes, type EventOf, type Route, type StreamOperation } from '@drover/contract';
import { pathOf, type InputOf } from './call.js';
import { DroverError } from './errors.js';
import type { Transport } from './transport.js';

/** One server-sent event. `id` is what a later stream resumes from. */
export interface StreamEvent<T> {
  readonly id: string | undefined;
  readonly type: string;
  readonly data: T;
}

export interface StreamOptions {
  readonly signal?: AbortSignal | undefined;
  /** Go on after this one. */
  readonly lastEventId?: string | undefined;
  /** Told when the connection is lost (with the reason) and when it is back. */
  readonly onConnection?: ((state: 'open' | 'lost', error?: DroverError) => void) | undefined;
}

/** The server says something every 15 s; three times that without a byte is a dead connection. */
const silenceMs = 45_000;

/** Splits the text of an event stream into events (WHATWG HTML, 9.2.6). Comments only show that somebody is there. */
export const createEventParser = () => {
  let rest = '';
  return (chunk: string): { id: string | undefined; type: string; data: string }[] => {
    const blocks = (rest + chunk).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => {
      const fields = new Map<string, string[]>();
      for (const line of block.split('\n')) {
        const match = /^([^:]+)(?:: ?(.*))?$/.exec(line);
        if (match?.[1] !== undefined) fields.set(match[1], [...(fields.get(match[1]) ?? []), match[2] ?? '']);
      }
      const data = fields.get('data');
      if (data === undefined) return [];
      return [{ id: fields.get('id')?.at(-1), type: fields.get('event')?.at(-1) ?? 'message', data: data.join('\n') }];
    });
  };
};

/** Chunks of a body as text; ends quietly when the connection breaks or falls silent. */
async function* textOf(response: Response, silent: AbortController): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  // Not `for await`: not every browser walks through a stream.
  const reader = response.body.getReader();
  let timer = setTimeout(() => {
    silent.abort();
  }, silenceMs);
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        silent.abort();
      }, silenceMs);
      yield decoder.decode(read.value as Uint8Array, { stream: true });
    }
  } catch {
    // Lost: the caller connects anew and goes on after the last id.
  } finally {
    clearTimeout(timer);
    await reader.cancel().catch(() => undefined);
  }
}

/** Refusals after which asking again makes sense: the server restarts, or is full for a moment. */
const isPassing = (error: unknown): error is DroverError =>
  error instanceof DroverError && (error.code === 'server.unreachable' || error.code === 'server.busy');

/**
 * Follows an operation's event stream, connecting again whenever it breaks off and going on after the last event seen.
 * Ends when the signal aborts; throws DroverError when the server refuses.
 */
export async function* followStream<O extends StreamOperation>(
  transport: Transport,
  operation: O,
  input?: InputOf<O>,
  options: StreamOptions = {},
): AsyncGenerator<StreamEvent<EventOf<O>>, void, undefined> {
  const route: Route = routes[operation];
  let lastEventId = options.lastEventId;
  const isOver = (): boolean => options.signal?.aborted === true;
  for (let attempt = 1; !isOver(); attempt += 1) {
    const silent = new AbortController();
    const signal = options.signal === undefined ? silent.signal : AbortSignal.any([options.signal, silent.signal]);
    try {
      const response = await transport.send({
        method: 'GET',
        path: pathOf(route, input ?? {}),
        headers: {
          accept: 'text/event-stream',
          ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
        },
        repeatable: false,
        signal,
      });
      attempt = 1;
      options.onConnection?.('open');
      const parse = createEventParser();
      for await (const text of textOf(response, silent)) {
        for (const event of parse(text)) {
          lastEventId = event.id ?? lastEventId;
          yield { id: event.id, type: event.type, data: JSON.parse(event.data) as EventOf<O> };
        }
      }
      options.onConnection?.('lost');
    } catch (error) {
      if (isOver()) return;
      if (!isPassing(error)) throw error;
      options.onConnection?.('lost', error);
    } finally {
      silent.abort();
    }
    if (isOver()) return;
    await transport.sleep(transport.backOff(attempt), options.signal).catch(() => undefined);
  }
}
