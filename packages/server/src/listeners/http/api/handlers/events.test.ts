import { success, type Principal } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import type { Events } from '../../../../app/events/events.js';
import type { RequestContext } from '../handlers.js';
import { eventHandlers } from './events.js';

const principal: Principal = { key: 'key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', name: 'a', tenant: null, role: 'reader' };
const context = { principal, signal: new AbortController().signal } as RequestContext;

interface Query {
  cursor?: string;
  after?: number;
  order?: 'newest';
}

const make = () => {
  const asked: (number | undefined)[] = [];
  const spans: object[] = [];
  const events: Events = {
    list: async (_who, { after, before, newest }) => {
      asked.push(after);
      spans.push({ before, after, newest });
      return success([]);
    },
    follow: async (_who, { after }) => {
      asked.push(after);
      return success((async function* () {})());
    },
  };
  const { handlers, streams } = eventHandlers(events);
  const request = (query: Query) => ({ query: { limit: 10, ...query } }) as never;
  return {
    asked,
    spans,
    list: (query: Query) => handlers.listEvents(context, request(query)),
    follow: (lastEventId: string | undefined, query: Query = {}) =>
      streams.listEvents(context, { ...(request(query) as object), lastEventId } as never),
  };
};

describe('where events go on', () => {
  it('is the cursor, else `after`, else the beginning', async () => {
    const { list, asked } = make();
    await list({ cursor: '7', after: 3 });
    await list({ after: 3 });
    await list({});
    expect(asked).toEqual([7, 3, undefined]);
  });

  it('is before the cursor for what is read from the end', async () => {
    const { list, spans } = make();
    await list({ cursor: '7', order: 'newest' });
    await list({ after: 3, order: 'newest' });
    expect(spans).toEqual([
      { before: 7, after: undefined, newest: true },
      { before: undefined, after: 3, newest: true },
    ]);
  });

  it('is Last-Event-ID for a stream, else what comes next', async () => {
    const { follow, asked } = make();
    await follow('9', { after: 3 });
    await follow(undefined);
    expect(asked).toEqual([9, undefined]);
  });

  it.each(['x', '', '-1', '1e3', '9'.repeat(20)])('is not guessed from %j', async (text) => {
    const { list, follow, asked } = make();
    expect(await list({ cursor: text })).toMatchObject({ code: 'request.cursor-invalid' });
    expect(await follow(text)).toMatchObject({ code: 'request.cursor-invalid' });
    expect(asked).toEqual([]);
  });
});
