import { refusal, success, type TimelineMessage } from '@drover/contract';
import type { SessionQueries } from '../../../../app/boot/session-queries.js';
import type { WatchMessage, WatchTimelines } from '../../../../app/boot/watch-timelines.js';
import type { Handlers, StreamHandlers, StreamMessage } from '../handlers.js';

async function* messages(watched: AsyncIterable<WatchMessage>): AsyncGenerator<StreamMessage<TimelineMessage>> {
  for await (const { id, data } of watched) yield { id, type: data.entry.type, data };
}

export interface SessionUseCases {
  readonly sessions: SessionQueries;
  readonly watchTimelines: WatchTimelines;
}

type Operations = 'listSessions' | 'getSession' | 'getTimeline' | 'watchTimelines';

/** Boot sessions, stored and live. */
export const sessionHandlers = ({
  sessions,
  watchTimelines,
}: SessionUseCases): { handlers: Pick<Handlers, Operations>; streams: Pick<StreamHandlers, 'watchTimelines'> } => ({
  handlers: {
    listSessions: ({ principal }, { query }) => sessions.list(principal, query),
    getSession: ({ principal }, { params }) => sessions.get(principal, params.id),
    getTimeline: async ({ principal }, { params, query: { limit, cursor, after } }) => {
      if (cursor !== undefined && !/^\d{1,9}$/.test(cursor)) {
        return refusal('request.cursor-invalid', 'This cursor was not given by this list.', {
          remedy: 'Begin again without a cursor.',
        });
      }
      return sessions.timeline(principal, params.id, { limit, after: cursor === undefined ? after : Number(cursor) });
    },
    // It is an event stream whatever the caller accepts, so this is never asked.
    watchTimelines: async () => refusal('request.invalid', 'This is an event stream.'),
  },
  streams: {
    watchTimelines: async ({ principal, signal }, { query, lastEventId }) => {
      const watched = await watchTimelines(principal, { ...query, resume: lastEventId }, signal);
      return watched.ok ? success(messages(watched.value)) : watched;
    },
  },
});
