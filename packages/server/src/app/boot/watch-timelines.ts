import { success, type BootSession, type Principal, type Result, type TimelineMessage } from '@drover/contract';
import { reaches } from '../../domain/tenancy.js';
import type { TimelineFeed } from './ports.js';
import type { SessionQueries } from './session-queries.js';

export interface WatchQuery {
  /** Id, name, serial, MAC or boot prefix. */
  readonly device?: string | undefined;
  readonly session?: string | undefined;
  /** Id of the last message that was read. */
  readonly resume?: string | undefined;
}

export interface WatchMessage {
  /** What to resume from: `<session>.<seq>.<ms since the epoch>`. */
  readonly id: string;
  readonly data: TimelineMessage;
}

/**
 * Timelines as they happen: of one device, one session, or all. With `resume`, what was stored since comes first; the odd item may come twice, and
 * (session, seq) tells. Ends when `signal` is aborted, or when the reader cannot keep up: it resumes then.
 */
export type WatchTimelines = (
  who: Principal,
  query: WatchQuery,
  signal: AbortSignal,
) => Promise<Result<AsyncIterable<WatchMessage>>>;

interface Deps {
  readonly sessions: SessionQueries;
  readonly feed: TimelineFeed;
}

/** What a resumed stream goes on after: an item, and when it happened, for the sessions beside it. */
interface Position {
  readonly session: string;
  readonly seq: number;
  readonly ms: number;
}

/** Messages a reader may be behind. */
const mostBehind = 5000;
/** Sessions looked through when a stream resumes. */
const mostReplayed = 200;
const pageSize = 500;

const positionOf = (text: string | undefined): Position | undefined => {
  const [, session, seq, ms] = /^(bs_[0-9A-Z]{26})\.(\d{1,9})\.(\d{1,15})$/.exec(text ?? '') ?? [];
  return session === undefined ? undefined : { session, seq: Number(seq), ms: Number(ms) };
};

const messageOf = (data: TimelineMessage): WatchMessage => ({
  id: `${data.session}.${data.seq}.${Date.parse(data.entry.at)}`,
  data,
});

interface Filter {
  readonly device: string | undefined;
  readonly session: string | undefined;
}

export const createWatchTimelines =
  (deps: Deps): WatchTimelines =>
  async (who, { device, session, resume }, signal) => {
    const found = device === undefined ? undefined : await deps.sessions.deviceId(who, device);
    if (found?.ok === false) return found;
    const one = session === undefined ? undefined : await deps.sessions.get(who, session);
    if (one?.ok === false) return one;
    return success(watch(deps, who, { device: found?.value, session }, positionOf(resume), signal));
  };

async function* watch(
  deps: Deps,
  who: Principal,
  filter: Filter,
  since: Position | undefined,
  signal: AbortSignal,
): AsyncGenerator<WatchMessage> {
  const queue = listen(deps.feed, who, filter, signal);
  const told = new Map<string, number>();
  try {
    if (since !== undefined) {
      for await (const item of replay(deps, who, filter, since)) {
        told.set(item.session, item.seq);
        yield messageOf(item);
      }
    }
    while (!signal.aborted) {
      for (const item of queue.take()) if (item.seq > (told.get(item.session) ?? 0)) yield messageOf(item);
      if (queue.isOverrun()) return;
      await queue.wait();
    }
  } finally {
    queue.close();
  }
}

/** Items told by the feed, waiting to be read. */
interface Queue {
  take(): TimelineMessage[];
  isOverrun(): boolean;
  /** Ends at once when something came since the last {@link take}. */
  wait(): Promise<void>;
  close(): void;
}

const listen = (feed: TimelineFeed, who: Principal, filter: Filter, signal: AbortSignal): Queue => {
  let waiting: TimelineMessage[] = [];
  let overrun = false;
  let wake: () => void = () => undefined;
  const unsubscribe = feed.subscribe((session, device, tenant, items) => {
    const wanted =
      reaches(who, tenant) &&
      (filter.device === undefined || filter.device === device) &&
      (filter.session === undefined || filter.session === session);
    if (!wanted || overrun) return;
    overrun = waiting.length + items.length > mostBehind;
    if (!overrun) waiting.push(...items.map((item) => ({ ...item, session, device })));
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  return {
    take: () => {
      const items = waiting;
      waiting = [];
      return items;
    },
    isOverrun: () => overrun,
    wait: async () => {
      if (waiting.length > 0 || overrun || signal.aborted) return;
      await new Promise<void>((resolve) => (wake = resolve));
    },
    close: () => {
      unsubscribe();
      signal.removeEventListener('abort', onAbort);
    },
  };
};

/** What was stored since a position, oldest session first: the one it names from its next item, others from that moment on. */
async function* replay(deps: Deps, who: Principal, filter: Filter, since: Position): AsyncGenerator<TimelineMessage> {
  const page = await deps.sessions.list(who, { limit: mostReplayed, device: filter.device });
  if (!page.ok) return;
  for (const session of page.value.items.reverse()) {
    if (filter.session !== undefined && filter.session !== session.id) continue;
    const isNamed = session.id === since.session;
    if (!isNamed && session.endedAt !== null && Date.parse(session.endedAt) < since.ms) continue;
    for await (const item of itemsOf(deps, who, session, isNamed ? since.seq : 0)) {
      if (isNamed || Date.parse(item.entry.at) >= since.ms) yield item;
    }
  }
}

/** Items of one session behind a number, page by page. */
async function* itemsOf(
  { sessions }: Deps,
  who: Principal,
  session: BootSession,
  from: number,
): AsyncGenerator<TimelineMessage> {
  for (let after = from; ;) {
    const page = await sessions.timeline(who, session.id, { after, limit: pageSize });
    if (!page.ok) return;
    for (const item of page.value.items) yield { ...item, session: session.id, device: session.device };
    if (page.value.next === null) return;
    after = Number(page.value.next);
  }
}
