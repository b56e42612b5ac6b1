import type { TimelineItem } from '@drover/contract';
import { useEffect, useState } from 'react';
import { client } from '../api/client.js';
import { followTimelines } from '../live/live.js';
import { withItems } from './timeline-model.js';

const pageSize = 500;

interface Followed {
  readonly session: string;
  readonly items: readonly TimelineItem[];
  readonly isLoaded: boolean;
  readonly error: unknown;
}

/** Everything after `after` that is stored. */
const readAfter = async (id: string, after: number, signal: AbortSignal): Promise<TimelineItem[]> =>
  Array.fromAsync(client.each('getTimeline', { params: { id }, query: { after, limit: pageSize } }, { signal }));

/** The timeline of one boot: what is stored, then what happens as long as it runs. Repeated items count once. */
export const useTimeline = (session: string | null, isRunning: boolean): Followed => {
  const [followed, setFollowed] = useState<Followed>();
  useEffect(() => {
    if (session === null) return undefined;
    const life = new AbortController();
    let items: readonly TimelineItem[] = [];
    let frame = 0;
    const show = (change: Partial<Followed> = {}): void => {
      setFollowed((now) => ({
        ...(now?.session === session ? now : { session, isLoaded: false, error: undefined }),
        ...change,
        items,
      }));
    };
    const add = (more: readonly TimelineItem[]): void => {
      const next = withItems(items, more);
      if (next === items) return;
      items = next;
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        show();
      });
    };
    const catchUp = (): void => {
      readAfter(session, 0, life.signal)
        .then((stored) => {
          add(stored);
          show({ isLoaded: true, error: undefined });
        })
        .catch((error: unknown) => {
          if (!life.signal.aborted) show({ error });
        });
    };
    // Stored items are read once the stream is open, so that nothing falls between the two.
    const stop = isRunning
      ? followTimelines({ session }, ({ seq, entry }) => add([{ seq, entry }]), catchUp)
      : (catchUp(), () => undefined);
    return () => {
      life.abort();
      cancelAnimationFrame(frame);
      stop();
    };
  }, [session, isRunning]);
  return followed?.session === session && followed !== undefined
    ? followed
    : { session: session ?? '', items: [], isLoaded: false, error: undefined };
};
