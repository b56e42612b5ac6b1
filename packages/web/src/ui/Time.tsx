import { useSyncExternalStore } from 'react';
import { relativeText } from './format.js';

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

/** One clock for the whole page, that ticks while somebody looks at it. */
const subscribe = (listener: () => void): (() => void) => {
  // It stood still while nobody looked.
  if (timer === undefined) now = Date.now();
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 5000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
};

export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

/** A moment as people say it; the exact one is in its title. */
export const Time = ({ at, never = 'never' }: { readonly at: string | null; readonly never?: string }) => {
  const moment = useNow();
  if (at === null) return <span>{never}</span>;
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {relativeText(Date.parse(at), moment)}
    </time>
  );
};
