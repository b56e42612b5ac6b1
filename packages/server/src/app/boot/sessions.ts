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
import { refuseBelow, tenantFilter } from '../../domain/tenancy.js';
import { findDevice, seesDiscovered } from '../devices/find.js';
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
  /** One look at the store on behalf of a reader. */
  const look = async <T>(who: Principal, work: (tx: Transaction) => Promise<Result<T>>): Promise<Result<T>> =>
    refuseBelow(who, 'reader') ?? store.read(work);

  return {
    get: (who, id) =>
      look(who, async (tx) => {
        const session = await find(tx, who, id);
        return session === undefined ? notFound(id) : success(presentSession(session));
      }),
    list: (who, { device, outcome, limit, cursor }) =>
      look(who, async (tx) => {
        const found = device === undefined ? undefined : await findDevice(tx, who, device);
        if (found?.ok === false) return found;
        const tenant = tenantFilter(who);
        const page = await tx.sessions.list(
          {
            // A device that was found is one this key may see, also one that belongs to nobody yet.
            ...(found !== undefined ? { device: found.value.id } : tenant === undefined ? {} : { tenant }),
            ...(outcome === undefined ? {} : { outcome }),
          },
          { limit, ...(cursor === undefined ? {} : { cursor }) },
        );
        return success({ items: page.items.map(presentSession), next: page.next });
      }),
    timeline: (who, id, { after, limit }) =>
      look(who, async (tx) => {
        if ((await find(tx, who, id)) === undefined) return notFound(id);
        const items = await tx.sessions.timeline(id, after, limit + 1);
        const page = items.slice(0, limit);
        return success({ items: page, next: items.length > limit ? String(page.at(-1)?.seq ?? after) : null });
      }),
    watch: async (who, query, signal) => {
      const watched = await look(who, (tx) => watchedBy(tx, who, query));
      return watched.ok ? success(follow({ store, feed }, who, watched.value, signal)) : watched;
    },
  };
}

const notFound = (id: string) =>
  refusal('session.not-found', `There is no boot session ${id}.`, { remedy: 'List them with drover boot list.' });

/** A session is seen by whoever sees its device. */
async function find(tx: Transaction, who: Principal, id: string): Promise<SessionRecord | undefined> {
  const session = await tx.sessions.get(id);
  const device = session === undefined ? undefined : await findDevice(tx, who, session.device);
  return device?.ok === true ? session : undefined;
}

const sees = (who: Principal, tenant: string | null): boolean =>
  who.tenant === null || tenant === who.tenant || (tenant === null && seesDiscovered(who));

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
    if (!sees(who, tenant)) return;
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
        if (signal.aborted) return;
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
