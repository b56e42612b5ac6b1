import { openedAtOf } from '../../../domain/boot-credential.js';
import type { Clock } from '../../ports.js';

/** Whether boards that are up still are: each keeps a question open, which is answered at once to see whether it asks again. */
export interface Liveness {
  /** A board's question, with its credential: `ask` ends when the signal it is given does. */
  during<T>(session: string, signal: AbortSignal, ask: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /**
   * Whether the board at that boot asks again. At once false where it cannot be heard: it never asked, or not lately. Asked by several at
   * the same time it is one question.
   */
  isAlive(session: string): Promise<boolean>;
  /** That boot is over. */
  forget(session: string): void;
}

interface LivenessDeps {
  readonly clock: Clock;
  readonly limits?: typeof defaultLimits;
  /** Most boards remembered. */
  readonly most?: number;
}

const defaultLimits = {
  /** A board that lives asks again within this time. */
  answerMs: 3_000,
  /** One that did not ask for so long is not waited for. */
  silentMs: 60_000,
};

interface Heard {
  /** Ends questions that wait for an answer. */
  readonly open: Set<AbortController>;
  /** When the last question came, or was answered. */
  at: number;
  /** Called by the next question. */
  readonly hearing: Set<() => void>;
}

export function createLiveness({ clock, limits = defaultLimits, most = 20_000 }: LivenessDeps): Liveness {
  const startedAt = clock.now();
  const boards = new Map<string, Heard>();
  const asking = new Map<string, Promise<boolean>>();

  /** A board that was up before this plane started may have asked until then. */
  const unheard = (session: string): number =>
    (openedAtOf(session) ?? 0) < startedAt ? startedAt : Number.NEGATIVE_INFINITY;

  const of = (session: string): Heard => {
    const heard = boards.get(session) ?? { open: new Set(), at: unheard(session), hearing: new Set() };
    boards.delete(session);
    boards.set(session, heard);
    if (boards.size > most) boards.delete(boards.keys().next().value!);
    return heard;
  };

  const challenge = async (session: string): Promise<boolean> => {
    const heard = of(session);
    if (heard.open.size === 0 && clock.now() - heard.at > limits.silentMs) return false;
    const lives = await new Promise<boolean>((resolve) => {
      const end = (isHeard: boolean): void => {
        clearTimeout(timer);
        heard.hearing.delete(hear);
        resolve(isHeard);
      };
      const hear = (): void => end(true);
      const timer = setTimeout(() => end(false), limits.answerMs);
      heard.hearing.add(hear);
      for (const question of heard.open) question.abort();
    });
    // Nothing that came before counts any more: only a board that asks after all is looked at again.
    if (!lives) heard.at = Number.NEGATIVE_INFINITY;
    return lives;
  };

  return {
    during: async (session, signal, ask) => {
      const heard = of(session);
      heard.at = clock.now();
      for (const hear of [...heard.hearing]) hear();
      const question = new AbortController();
      heard.open.add(question);
      try {
        return await ask(AbortSignal.any([signal, question.signal]));
      } finally {
        heard.open.delete(question);
        heard.at = clock.now();
      }
    },
    isAlive: (session) => {
      const known = asking.get(session);
      if (known !== undefined) return known;
      const question = challenge(session).finally(() => asking.delete(session));
      asking.set(session, question);
      return question;
    },
    forget: (session) => void boards.delete(session),
  };
}
