import * as z from 'zod';
import { pageOf, PageQuery } from '../primitives.js';
import { DomainEvent, EventType } from '../resources/event.js';
import { BootSession, SessionOutcome, TimelineItem, TimelineMessage } from '../resources/session.js';
import { byId, none, type Route } from './route.js';

export const sessionsRoutes = {
  listSessions: {
    method: 'GET',
    path: '/sessions',
    tag: 'sessions',
    summary: 'Boot sessions, newest first',
    role: 'reader',
    query: PageQuery.extend({ device: z.string().max(128).optional(), outcome: SessionOutcome.optional() }),
    status: 200,
    answer: pageOf(BootSession),
  },
  getSession: {
    method: 'GET',
    path: '/sessions/{id}',
    tag: 'sessions',
    summary: 'One boot session',
    role: 'reader',
    params: byId,
    status: 200,
    answer: BootSession,
  },
  getTimeline: {
    method: 'GET',
    path: '/sessions/{id}/timeline',
    tag: 'sessions',
    summary: 'What happened in one boot, in order',
    role: 'reader',
    params: byId,
    query: PageQuery.extend({ after: z.coerce.number().int().min(0).default(0) }),
    status: 200,
    answer: pageOf(TimelineItem),
  },
  watchTimelines: {
    method: 'GET',
    path: '/timeline',
    tag: 'sessions',
    summary: 'Timelines as they happen, of one device or all (server-sent events)',
    role: 'reader',
    query: z.object({ device: z.string().max(128).optional(), session: z.string().max(64).optional() }),
    status: 200,
    answer: none,
    streams: 'events',
    event: TimelineMessage,
  },
  listEvents: {
    method: 'GET',
    path: '/events',
    tag: 'events',
    summary: 'The event log; with Accept: text/event-stream live, resumed by Last-Event-ID',
    role: 'reader',
    query: PageQuery.extend({
      /** Events with a greater id; a live stream without it begins with what happens next. */
      after: z.coerce.number().int().min(0).optional(),
      /** Of a page; a live stream is always in the order things happened. */
      order: z.enum(['oldest', 'newest']).default('oldest'),
      type: EventType.optional(),
      subject: z.string().max(64).optional(),
    }),
    status: 200,
    answer: pageOf(DomainEvent),
    streams: 'events',
    event: DomainEvent,
  },
} as const satisfies Record<string, Route>;
