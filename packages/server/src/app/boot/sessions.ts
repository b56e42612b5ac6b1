import {
  refusal,
  success,
  type BootSession,
  type Page,
  type Principal,
  type Result,
  type SessionOutcome,
  type TimelineItem,
  type TimelineMessage,
} from '@drover/contract';
import { findDevice } from '../devices/find.js';
import type { Store, Transaction } from '../store/ports.js';
import type { SessionRecord, TimelineFeed } from './ports.js';

/** What people and programs may ask about boot sessions. A tenant's key sees the sessions of its own devices. */
export interface Sessions {
  list(
    who: Principal,
    query: {
      device?: string | undefined;
      outcome?: SessionOutcome | undefined;
      limit: number;
      cursor?: string | undefined;
    },
  ): Promise<Result<Page<BootSession>>>;
  get(who: Principal, id: string): Promise<Result<BootSession>>;
  timeline(who: Principal, id: string, page: { after: number; limit: number }): Promise<Result<Page<TimelineItem>>>;
  /**
   * Live timelines of one device, one session, or all. With a session, or with `resume` (the id of the last message, `<session>:<seq>`), what that
   * session's timeline holds after it comes first. Ends when `signal` is aborted.
   */
  watch(who: Principal, query: WatchQuery, signal: AbortSignal): Promise<Result<AsyncIterable<WatchMessage>>>;
}

export interface WatchQuery {
  readonly device?: string | undefined;
  readonly session?: string | undefined;
  readonly resume?: string | undefined;
}

export interface WatchMessage {
  /** What to resume from: `<session>:<seq>`. */
  readonly id: string;
  readonly data: TimelineMessage;
}

interface Deps {
  readonly store: Store;
  readonly feed: TimelineFeed;
}

/** The session as it is shown: without what only the exchange needs. */
export const presentSession = ({
  nonceHash: _nonceHash,
  exchangedAt: _exchangedAt,
  secretExpiresAt: _secretExpiresAt,
  ...session
}: SessionRecord): BootSession => session;

export function createSessions({ store, feed }: Deps): Sessions {
  const get: Sessions['get'] = async (who, id) => {
    const session = await store.read((tx) => find(tx, who, id));
    return session === undefined ? notFound(id) : success(presentSession(session));
  };
  return {
    get,
    list: async (who, { device, outcome, limit, cursor }) =>
      store.read(async (tx) => {
        const found = device === undefined ? undefined : await findDevice(tx, who, device);
        if (found?.ok === false) return found;
        const page = await tx.sessions.list(
          {
            ...(who.tenant === null ? {} : { tenant: who.tenant }),
            ...(found === undefined ? {} : { device: found.value.id }),
            ...(outcome === undefined ? {} : { outcome }),
          },
          { limit, ...(cursor === undefined ? {} : { cursor }) },
        );
        return success({ items: page.items.map(presentSession), next: page.next });
      }),
    timeline: async (who, id, { after, limit }) =>
      store.read(async (tx) => {
        if ((await find(tx, who, id)) === undefined) return notFound(id);
        const items = await tx.sessions.timeline(id, after, limit);
        const last = items.length < limit ? undefined : items.at(-1);
        return success({ items, next: last === undefined ? null : String(last.seq) });
      }),
    watch: async (who, query, signal) => {
      const watched = await store.read((tx) => watchedBy(tx, who, query));
      return watched.ok ? success(follow({ store, feed }, who, watched.value, signal)) : watched;
    },
  };
}

const notFound = (id: string) =>
  refusal('session.not-found', `There is no boot session ${id}.`, { remedy: 'List them with drover boot list.' });

async function find(tx: Transaction, who: Principal, id: string): Promise<SessionRecord | undefined> {
  const session = await tx.sessions.get(id);
  if (session === undefined || who.tenant === null) return session;
  const device = await tx.devices.get(session.device);
  return device?.tenant === who.tenant ? session : undefined;
}

interface Watched {
  readonly device: string | undefined;
  readonly session: string | undefined;
  /** Where to begin; undefined: with what happens next. */
  readonly from: { readonly session: string; readonly seq: number } | undefined;
}

async function watchedBy(
  tx: Transaction,
  who: Principal,
  { device, session, resume }: WatchQuery,
): Promise<Result<Watched>> {
  const found = device === undefined ? undefined : await findDevice(tx, who, device);
  if (found?.ok === false) return found;
  if (session !== undefined && (await find(tx, who, session)) === undefined) return notFound(session);
  const [, resumed, seq] = /^(bs_[0-9A-Z]{26}):(\d{1,9})$/.exec(resume ?? '') ?? [];
  const from =
    resumed !== undefined && (await find(tx, who, resumed)) !== undefined
      ? { session: resumed, seq: Number(seq) }
      : session === undefined
        ? undefined
        : { session, seq: 0 };
  return success({ device: found?.value.id, session, from });
}

/** Messages a slow reader may fall behind; then it is cut off and resumes. */
const mostBehind = 10_000;
const pageSize = 500;

async function* follow(
  { store, feed }: Deps,
  who: Principal,
  watched: Watched,
  signal: AbortSignal,
): AsyncGenerator<WatchMessage> {
  const waiting: WatchMessage[] = [];
  let wake = (): void => undefined;
  let isBehind = false;
  const unsubscribe = feed.subscribe((session, device, tenant, items) => {
    if (who.tenant !== null && tenant !== who.tenant) return;
    if (watched.device !== undefined && device !== watched.device) return;
    if (watched.session !== undefined && session !== watched.session) return;
    for (const item of items) waiting.push(messageOf(session, device, item));
    isBehind ||= waiting.length > mostBehind;
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const caughtUp = watched.from === undefined ? undefined : yield* past(store, watched.from);
    while (!signal.aborted && !isBehind) {
      for (const message of waiting.splice(0)) {
        const isPast = message.data.session === watched.from?.session && message.data.seq <= (caughtUp ?? 0);
        if (!isPast) yield message;
      }
      if (waiting.length > 0) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
        // Either may have happened while the reader was busy.
        if (signal.aborted || waiting.length > 0) resolve();
      });
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', onAbort);
  }
}

/** What the timeline holds already; returns the last seq. */
async function* past(
  store: Store,
  from: { readonly session: string; readonly seq: number },
): AsyncGenerator<WatchMessage, number> {
  let after = from.seq;
  for (;;) {
    const { device, items } = await store.read(async (tx) => ({
      device: (await tx.sessions.get(from.session))?.device,
      items: await tx.sessions.timeline(from.session, after, pageSize),
    }));
    if (device === undefined) return after;
    for (const item of items) yield messageOf(from.session, device, item);
    after = items.at(-1)?.seq ?? after;
    if (items.length < pageSize) return after;
  }
}

const messageOf = (session: string, device: string, item: TimelineItem): WatchMessage => ({
  id: `${session}:${item.seq}`,
  data: { session, device, ...item },
});
