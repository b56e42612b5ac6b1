import type { DomainEvent } from '@drover/contract';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { client } from '../api/client.js';
import { live } from '../live/live.js';
import { mergeEvents } from './merge.js';
import type { EventsSearch } from './search.js';

const page = 200;
/** New events that wait to be shown; of more the oldest are read with the pages. */
const mostFresh = 2000;

const none: readonly DomainEvent[] = [];

/** What came since the pages were read, newest first, and what it was chosen by. */
interface Fresh {
  readonly filter: object;
  readonly events: readonly DomainEvent[];
}

/** The event log from its end: pages as they are asked for, and what happens meanwhile before them. */
export const useEvents = ({ type, about }: EventsSearch) => {
  const filter = useMemo(
    () => ({ ...(type === undefined ? {} : { type }), ...(about === undefined ? {} : { subject: about }) }),
    [type, about],
  );
  const log = useInfiniteQuery({
    queryKey: ['event-log', filter],
    queryFn: ({ pageParam, signal }) => {
      const cursor = pageParam === undefined ? {} : { cursor: pageParam };
      return client.events.list({ query: { ...filter, ...cursor, order: 'newest', limit: page } }, { signal });
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const [came, setCame] = useState<Fresh>({ filter, events: none });
  // What came for another filter is none of this one.
  const fresh = came.filter === filter ? came.events : none;
  useEffect(() => {
    const waiting: DomainEvent[] = [];
    let frame: number | undefined;
    const stop = live.onEvent((event) => {
      if (event.id === null) return;
      if ((type !== undefined && event.type !== type) || (about !== undefined && event.subject !== about)) return;
      waiting.push(event);
      frame ??= requestAnimationFrame(() => {
        frame = undefined;
        const newest = waiting.splice(0).reverse();
        setCame((now) => {
          const before = now.filter === filter ? now.events : none;
          return { filter, events: [...newest, ...before].slice(0, mostFresh) };
        });
      });
    });
    return () => {
      stop();
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }, [filter, type, about]);
  const events = useMemo(
    () => mergeEvents(fresh, log.data?.pages.flatMap(({ items }) => items) ?? []),
    [fresh, log.data],
  );
  const { fetchNextPage, hasNextPage, isFetchingNextPage } = log;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [fetchNextPage, hasNextPage, isFetchingNextPage]);
  return { events, more, log };
};
