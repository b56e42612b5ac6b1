/** A tab that nobody sees gives its connections back after this: over HTTP/1.1 a browser has six for all tabs together. */
export const hiddenMs = 30_000;

/** Runs `follow` while the page is seen: again when it comes back, with how long it was away. */
export const whileVisible = (follow: (signal: AbortSignal, awayMs: number) => Promise<void>): (() => void) => {
  let running: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let leftAt = Date.now();
  const begin = (): void => {
    clearTimeout(timer);
    if (running !== undefined) return;
    running = new AbortController();
    void follow(running.signal, Date.now() - leftAt);
  };
  const end = (): void => {
    running?.abort();
    running = undefined;
    leftAt = Date.now();
  };
  const look = (): void => {
    if (document.hidden) timer = setTimeout(end, hiddenMs);
    else begin();
  };
  document.addEventListener('visibilitychange', look);
  begin();
  return () => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', look);
    end();
  };
};
