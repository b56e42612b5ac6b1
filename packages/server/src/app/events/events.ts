import { success, type DomainEvent, type EventType, type Principal, type Result } from '@drover/contract';
import { refuseBelow, seesEvent, tenantFilter } from '../../domain/tenancy.js';
import type { ProgressFeed } from '../jobs/ports.js';
import type { Store } from '../store/ports.js';
import type { EventFeed, StoredEvent } from './ports.js';

export interface EventQuery {
  readonly type?: EventType | undefined;
  readonly subject?: string | undefined;
}

export interface Events {
  /** The log after `after` (0: from its beginning), oldest first; or what is before `before` (its end), newest first. */
  readonly list: (
    who: Principal,
    query: EventQuery & Partial<Span> & { limit: number },
  ) => Promise<Result<StoredEvent[]>>;
  /**
   * What is in the log after `after`, then what happens, until the signal is aborted; without `after` only what happens from now on. Nothing is left out
   * and nothing comes twice, however slow the reader is: it is the log that is read on, so there is no queue that could overflow. Progress of jobs
   * comes in between, with id null, and only the latest of each job.
   */
  readonly follow: (
    who: Principal,
    query: EventQuery & { after?: number | undefined },
    signal: AbortSignal,
  ) => Promise<Result<AsyncIterable<DomainEvent>>>;
}

interface Span {
  readonly after: number | undefined;
  readonly before: number | undefined;
  readonly newest: boolean;
}

interface Deps {
  readonly store: Store;
  readonly feed: EventFeed;
  readonly progress?: ProgressFeed;
}

/** Events read at once. */
const batch = 200;
/** Jobs whose latest progress waits for a slow reader. */
const progressKept = 100;

export const createEvents = (deps: Deps): Events => ({
  list: async (who, { after, before, newest = false, limit, type, subject }) => {
    const refused = refuseBelow(who, 'reader');
    return refused ?? success(await read(deps.store, who, { type, subject }, { after, before, newest }, limit));
  },
  follow: async (who, query, signal) => {
    const refused = refuseBelow(who, 'reader');
    if (refused !== undefined) return refused;
    // Listen first: what is committed while the log's end is looked up is then heard of.
    const news = listen(deps, who, query, signal);
    try {
      const after = query.after ?? (await deps.store.read((tx) => tx.events.lastId()));
      return success(readOn(deps.store, who, query, after, news));
    } catch (error) {
      news.close();
      throw error;
    }
  },
});

const read = async (
  store: Store,
  who: Principal,
  { type, subject }: EventQuery,
  { after = 0, before, newest }: Span,
  limit: number,
): Promise<StoredEvent[]> => {
  const tenant = tenantFilter(who);
  return store.read((tx) =>
    tx.events.list({
      ...{ after, limit, newest },
      ...(before === undefined ? {} : { before }),
      ...(tenant === undefined ? {} : { tenant }),
      ...(type === undefined ? {} : { type }),
      ...(subject === undefined ? {} : { subject }),
    }),
  );
};

async function* readOn(
  store: Store,
  who: Principal,
  query: EventQuery,
  after: number,
  news: News,
): AsyncGenerator<DomainEvent> {
  let position = after;
  try {
    while (!news.ended()) {
      news.expect();
      const span = { after: position, before: undefined, newest: false };
      const events = await read(store, who, query, span, batch);
      for (const event of events) {
        yield event;
        position = event.id;
        if (news.ended()) return;
      }
      yield* news.progress();
      if (events.length < batch) await news.wait();
    }
  } finally {
    news.close();
  }
}

/** Says when there is something to read. */
interface News {
  /** From now on, anything that comes ends the next wait at once. */
  expect(): void;
  wait(): Promise<void>;
  /** Takes the progress that came meanwhile. */
  progress(): DomainEvent[];
  ended(): boolean;
  close(): void;
}

const listen = ({ feed, progress }: Deps, who: Principal, { type, subject }: EventQuery, signal: AbortSignal): News => {
  const latest = new Map<string, DomainEvent>();
  let closed = false;
  let came = false;
  let wake: () => void = () => undefined;

  const notify = (): void => {
    came = true;
    wake();
  };
  const wanted = (event: DomainEvent): boolean =>
    seesEvent(who, event) &&
    (type === undefined || event.type === type) &&
    (subject === undefined || event.subject === subject);

  const leaveFeed = feed.subscribe((event) => {
    if (wanted(event)) notify();
  });
  const leaveProgress = progress?.subscribe((event) => {
    if (!wanted(event)) return;
    latest.delete(event.subject);
    latest.set(event.subject, event);
    const [oldest] = latest.keys();
    if (latest.size > progressKept && oldest !== undefined) latest.delete(oldest);
    notify();
  });
  signal.addEventListener('abort', notify);

  return {
    expect: () => {
      came = false;
    },
    wait: async () => {
      if (came || closed || signal.aborted) return;
      await new Promise<void>((resolve) => (wake = resolve));
    },
    progress: () => {
      const events = [...latest.values()];
      latest.clear();
      return events;
    },
    ended: () => closed || signal.aborted,
    close: () => {
      closed = true;
      leaveFeed();
      leaveProgress?.();
      signal.removeEventListener('abort', notify);
      wake();
    },
  };
};
