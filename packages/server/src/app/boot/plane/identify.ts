import type { Clock, Log } from '../../ports.js';
import type { BootBackend, WireIdentity } from '../ports.js';
import type { Board, BoardBook } from './board-book.js';

export interface Identify {
  /**
   * The board that shows itself so. Asks the control plane unless an answer younger than `maxAgeMs` is at hand, waits 300 ms for it at most, and falls back
   * on what it was told last. Where nothing was told yet it waits two seconds: a board asks again after that time by itself, and to be told that its files
   * are absent would end its boot. Undefined: not known and not to be answered.
   */
  (wire: WireIdentity, maxAgeMs: number): Promise<Board | undefined>;
}

interface IdentifyDeps {
  readonly backend: Pick<BootBackend, 'identify'>;
  readonly book: BoardBook;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when the book changed. */
  readonly changed: () => void;
  /** How long an answer is waited for, ms: about a board with an earlier answer, and about one without. */
  readonly patience?: { readonly known: number; readonly unknown: number };
}

const defaultPatience = { known: 300, unknown: 2_000 };
/** How long a machine that is not ours is left alone without asking again. */
const ignoredMs = 5_000;
/** A control plane that did not answer about a board is not asked again about it at once. */
const retryMs = 1_000;
const mostIgnored = 10_000;

const keyOf = ({ bootPrefix, mac, isPi }: WireIdentity): string => `${bootPrefix ?? ''} ${mac ?? ''} ${isPi}`;

export function createIdentify(deps: IdentifyDeps): Identify {
  const { backend, book, clock, patience = defaultPatience } = deps;
  const asking = new Map<string, Promise<Board | undefined>>();
  const ignored = new Map<string, number>();

  const ask = async (wire: WireIdentity): Promise<Board | undefined> => {
    const answer = await backend.identify(wire);
    if (answer.kind !== 'ignore') {
      const board = book.accept(answer, wire, clock.now());
      deps.changed();
      return board;
    }
    ignored.set(keyOf(wire), clock.now());
    if (ignored.size > mostIgnored) ignored.delete(ignored.keys().next().value!);
    return undefined;
  };

  /** One question at a time about one board: it asks several files at once. */
  const askOnce = (wire: WireIdentity): Promise<Board | undefined> => {
    const key = keyOf(wire);
    const known = asking.get(key);
    if (known !== undefined) return known;
    const question = ask(wire).finally(() => asking.delete(key));
    asking.set(key, question);
    return question;
  };

  const orLate = async (question: Promise<Board | undefined>, ms: number): Promise<Board | undefined | 'late'> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), ms);
    });
    return Promise.race([question, late]).finally(() => clearTimeout(timer));
  };

  return async (wire, maxAgeMs) => {
    const now = clock.now();
    const known = book.find(wire);
    // What it shows for the first time may make it another board, or join two records.
    if (known !== undefined && book.knows(wire) && now - known.askedAt < maxAgeMs) return known;
    const ignoredAt = ignored.get(keyOf(wire));
    if (known === undefined && ignoredAt !== undefined && now - ignoredAt < ignoredMs) return undefined;
    const question = askOnce(wire);
    question.catch((error: unknown) => deps.log.debug({ err: error }, 'the control plane did not say who a board is'));
    const answer = await orLate(question, known === undefined ? patience.unknown : patience.known).catch(
      () => 'late' as const,
    );
    if (answer !== 'late') return answer;
    if (known !== undefined) known.askedAt = now - maxAgeMs + retryMs;
    return known;
  };
}
