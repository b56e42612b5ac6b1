import { useEffect, useState } from 'react';
import { client } from '../api/client.js';
import { createLogReader, emptyLog, type BuildLog } from './log-model.js';

/** Between two redraws while a log pours in. */
const drawMs = 100;
const againMs = 2000;

export interface FollowedLog {
  readonly log: BuildLog;
  /** `waiting`: the connection broke off, and is tried again from where it was. */
  readonly state: 'reading' | 'waiting' | 'ended' | 'refused';
  readonly error: unknown;
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

/** The log of a build as it is written, until the build has ended. Of another build in another component (`key`). */
export const useBuildLog = (id: string): FollowedLog => {
  const [log, setLog] = useState(emptyLog);
  const [state, setState] = useState<Omit<FollowedLog, 'log'>>({ state: 'reading', error: undefined });
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const current = createLogReader();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const draw = (): void => {
      timer ??= setTimeout(() => {
        timer = undefined;
        setLog(current.log());
      }, drawMs);
    };
    const follow = async (): Promise<void> => {
      while (!signal.aborted) {
        try {
          setState({ state: 'reading', error: undefined });
          const query = { follow: 'true', offset: current.log().bytes };
          for await (const piece of client.text('getBuildLog', { params: { id }, query }, { signal })) {
            current.push(piece);
            draw();
          }
          if (!signal.aborted) setState({ state: 'ended', error: undefined });
          return;
        } catch (error) {
          if (signal.aborted) return;
          if (!isAway(error)) {
            setState({ state: 'refused', error });
            return;
          }
          setState({ state: 'waiting', error });
          await pause(againMs, signal);
        }
      }
    };
    void follow();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [id]);
  return { log, ...state };
};
