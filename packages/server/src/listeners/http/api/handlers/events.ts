import { refusal, success, type DomainEvent, type Result } from '@drover/contract';
import type { Events } from '../../../../app/events/events.js';
import type { Handlers, StreamHandlers, StreamMessage } from '../handlers.js';

/** The event to go on after: what the first of these names, else undefined. Going on from somewhere else would lose or repeat events unseen. */
const placeOf = (...given: readonly (string | undefined)[]): Result<number | undefined> => {
  const text = given.find((each) => each !== undefined);
  if (text === undefined) return success(undefined);
  if (/^\d{1,15}$/.test(text)) return success(Number(text));
  return refusal('request.cursor-invalid', 'This is no id of an event.', {
    remedy: 'Take `next` of the page before, or the id of an event; or leave it out to begin anew.',
  });
};

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
    listEvents: async ({ principal }, { query: { limit, cursor, order, after, ...query } }) => {
      const place = placeOf(cursor);
      if (!place.ok) return place;
      const newest = order === 'newest';
      const span = newest ? { newest, after, before: place.value } : { after: place.value ?? after };
      const found = await events.list(principal, { ...query, ...span, limit: limit + 1 });
      if (!found.ok) return found;
      const items = found.value.slice(0, limit);
      const last = items.at(-1);
      return success({ items, next: found.value.length > limit && last !== undefined ? String(last.id) : null });
    },
  },
  streams: {
    listEvents: async ({ principal, signal }, { query: { type, subject, after, cursor }, lastEventId }) => {
      const place = placeOf(lastEventId, cursor);
      if (!place.ok) return place;
      const found = await events.follow(principal, { type, subject, after: place.value ?? after }, signal);
      return found.ok ? success(messages(found.value)) : found;
    },
  },
});
