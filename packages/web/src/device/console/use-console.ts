import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { client } from '../../api/client.js';
import { textToBase64 } from '../../api/base64.js';
import { whileVisible } from '../../live/while-visible.js';
import { createTyping } from './keys.js';
import { createScreen, type ScreenView } from './screen.js';

/** Between two redraws while text pours in. */
const drawMs = 60;
const againMs = 2000;

export interface WatchedConsole {
  readonly view: ScreenView;
  /** `waiting`: the connection broke off, and is tried again. */
  readonly state: 'looking' | 'waiting' | 'refused';
  readonly error: unknown;
  /** Why what was typed did not arrive. */
  readonly typingError: unknown;
  readonly type: (text: string) => void;
  readonly again: () => void;
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });

const isAway = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'server.unreachable';

interface Way {
  readonly state: WatchedConsole['state'];
  readonly error: unknown;
}

/** The console of a board while the page is seen. What the server has kept of it comes first, so a lost connection loses nothing recent. */
export const useConsole = (device: string): WatchedConsole => {
  const screen = useRef(createScreen());
  const [view, setView] = useState<ScreenView>({ lines: [''], column: 0 });
  const [way, setWay] = useState<Way>({ state: 'looking', error: undefined });
  const [typingError, setTypingError] = useState<unknown>();
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const shown = screen.current;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        setView(shown.view());
      }, drawMs);
    };
    const look = async (signal: AbortSignal): Promise<void> => {
      const decoder = new TextDecoder();
      // What was kept comes again.
      shown.clear();
      for await (const bytes of client.text('watchConsole', { params: { ref: device } }, { signal })) {
        shown.push(decoder.decode(bytes, { stream: true }));
        draw();
      }
    };
    const stop = whileVisible(async (signal) => {
      while (!signal.aborted) {
        try {
          setWay({ state: 'looking', error: undefined });
          await look(signal);
        } catch (error) {
          if (signal.aborted) return;
          if (!isAway(error)) {
            setWay({ state: 'refused', error });
            return;
          }
        }
        if (signal.aborted) return;
        setWay({ state: 'waiting', error: undefined });
        await pause(againMs, signal);
      }
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [device, attempt]);

  const type = useMemo(
    () =>
      createTyping(async (text) => {
        await client.consoles.write({ params: { ref: device }, body: { base64: textToBase64(text) } });
        setTypingError(undefined);
      }, setTypingError),
    [device],
  );
  const again = useCallback(() => {
    setAttempt((now) => now + 1);
  }, []);
  return { view, ...way, typingError, type, again };
};
