import type { FileSource } from '../../../domain/boot-plan.js';
import type { BlobInfo, BlobStore } from '../../blobs/ports.js';
import type { Log } from '../../ports.js';
import type { BootBackend, CardPromise } from '../ports.js';
import type { BoardBook } from './board-book.js';
import type { DeviceRefusal, Granted } from './device-api.js';

/** What a self-updating card is to hold, for boards that have proved themselves. */
export interface CardContent {
  /** The signed answer to this question; what it promises is this session's from now on. */
  answer(session: string, nonce: string): Promise<Granted<string>>;
  root(session: string): Promise<Granted<CardFileSource>>;
  boot(session: string): Promise<Granted<CardFileSource>>;
  delta(session: string): Promise<Granted<CardFileSource>>;
  config(session: string): Promise<Granted<CardFileSource>>;
}

export interface CardFileSource {
  readonly source: FileSource;
  readonly digest: string;
}

interface Deps {
  readonly backend: Pick<BootBackend, 'cardAnswer' | 'cardPromise' | 'cardConfig'>;
  readonly book: BoardBook;
  readonly blobs: Pick<BlobStore, 'stat'>;
  readonly changed: () => void;
  readonly log: Log;
}

const away: DeviceRefusal = { kind: 'not-ready', retryAfter: 2, reason: 'the control plane is away' };
const gone: DeviceRefusal = { kind: 'gone' };

const fileOf = ({ digest, size }: BlobInfo): CardFileSource => ({
  digest,
  source: { size, segments: [{ blob: digest, offset: 0, length: size }] },
});

export function createCardContent({ backend, book, blobs, changed, log }: Deps): CardContent {
  const asking = <T>(session: string, question: Promise<T>): Promise<T | undefined> =>
    question.catch((error: unknown) => {
      log.warn({ err: error, session }, 'a board must wait for what its card is to hold: the control plane is away');
      return undefined;
    });

  const keep = (session: string, promise: CardPromise): void => {
    const boot = book.bootOf(session);
    if (boot === undefined) return;
    boot.card = promise;
    changed();
  };

  /** A plane that started anew asks for what it no longer knows. */
  const promised = async (session: string): Promise<Granted<CardPromise>> => {
    const known = book.bootOf(session)?.card;
    if (known !== undefined) return { kind: 'granted', value: known };
    const told = await asking(session, backend.cardPromise(session));
    if (told === undefined) return away;
    if (told.kind !== 'promised') return told;
    keep(session, told.promise);
    return { kind: 'granted', value: told.promise };
  };

  const stored = async (session: string, which: 'root' | 'boot' | 'delta'): Promise<Granted<CardFileSource>> => {
    const promise = await promised(session);
    if (promise.kind !== 'granted') return promise;
    const wanted = promise.value[which];
    if (wanted === undefined) return gone;
    return (await blobs.stat(wanted.digest)) === undefined ? gone : { kind: 'granted', value: fileOf(wanted) };
  };

  return {
    answer: async (session, nonce) => {
      const known = book.bootOf(session)?.known;
      const question = { session, nonce, ...(known === undefined ? {} : { known }) };
      const told = await asking(session, backend.cardAnswer(question));
      if (told === undefined) return away;
      if (told.kind !== 'answered') return told;
      keep(session, told.promise);
      return { kind: 'granted', value: told.text };
    },
    root: (session) => stored(session, 'root'),
    boot: (session) => stored(session, 'boot'),
    delta: (session) => stored(session, 'delta'),
    config: async (session) => {
      const promise = await promised(session);
      if (promise.kind !== 'granted') return promise;
      const { digest, size } = promise.value.config;
      // It is small, and only the control plane has it; so it waits as the question does.
      const inline = await asking(session, backend.cardConfig(session, digest));
      if (inline === undefined) return away;
      if (inline === null) return gone;
      return { kind: 'granted', value: { digest, source: { size, segments: [{ inline, length: size }] } } };
    },
  };
}
