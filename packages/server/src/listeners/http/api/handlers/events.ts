import { success, type DomainEvent } from '@drover/contract';
import type { Events } from '../../../../app/events/events.js';
import type { Handlers, StreamHandlers, StreamMessage } from '../handlers.js';

/** An event id of a header or a cursor; undefined when it is none. */
const idOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

async function* messages(events: AsyncIterable<DomainEvent>): AsyncGenerator<StreamMessage<DomainEvent>> {
  for await (const event of events) {
    yield { id: event.id === null ? null : String(event.id), type: event.type, data: event };
  }
}

/** `listEvents` as a page and as a stream. */
export const eventHandlers = (
  events: Events,
): { handlers: Pick<Handlers, 'listEvents'>; streams: Pick<StreamHandlers, 'listEvents'> } => ({
  handlers: {
    listEvents: async ({ principal }, { query: { limit, cursor, ...query } }) => {
      const after = idOf(cursor) ?? query.after ?? 0;
      const found = await events.list(principal, { ...query, after, limit: limit + 1 });
      if (!found.ok) return found;
      const items = found.value.slice(0, limit);
      const last = items.at(-1);
      return success({ items, next: found.value.length > limit && last !== undefined ? String(last.id) : null });
    },
  },
  streams: {
    listEvents: async ({ principal, signal }, { query: { type, subject, after, cursor }, lastEventId }) => {
      const from = idOf(lastEventId) ?? idOf(cursor) ?? after;
      const found = await events.follow(principal, { type, subject, after: from }, signal);
      return found.ok ? success(messages(found.value)) : found;
    },
  },
});
