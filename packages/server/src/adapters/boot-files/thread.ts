import type { OwnFilesRead, OwnFilesWanted } from '../../app/boot/plane/ports.js';
import type { OwnFilesLimits } from './read-own-files.js';
import type { OwnDisk, Range } from './own-disk.js';

/**
 * Boot partitions are read on a thread of their own: what a board wrote on its disk may take long to look through, to hash and to decompress, and others
 * are served meanwhile. The disk stays with the thread that serves it, which is asked for bytes.
 */

/** What a thread is given. */
export interface ThreadInput {
  readonly wanted: OwnFilesWanted;
  readonly base: string | null;
  readonly diskSize: number;
  /** Of the copies. */
  readonly folder: string;
  readonly limits: OwnFilesLimits;
}

export type Used = readonly (readonly [name: string, size: number])[];

/** What a thread says. */
export type FromThread =
  | { readonly kind: 'read'; readonly id: number; readonly offset: number; readonly length: number }
  | { readonly kind: 'from-base'; readonly id: number; readonly ranges: readonly Range[] }
  /** `last`: all it has to say; else the same with less in it, should it take too long. */
  | { readonly kind: 'result'; readonly last: boolean; readonly result: OwnFilesRead; readonly used: Used };

/** What it is answered. */
export type ToThread =
  | { readonly id: number; readonly bytes: Uint8Array }
  | { readonly id: number; readonly answers: readonly boolean[] }
  | { readonly id: number; readonly failure: string };

/** A message port, of either end. */
export interface Port<In, Out> {
  on(event: 'message', listener: (message: In) => void): unknown;
  postMessage(message: Out, transfer?: readonly ArrayBuffer[]): void;
}

type Answer = Exclude<ToThread, { failure: string }>;

/** The disk as the thread sees it. */
export function askedDisk(size: number, port: Port<ToThread, FromThread>): OwnDisk {
  const waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  let last = 0;
  port.on('message', (message) => {
    const one = waiting.get(message.id);
    waiting.delete(message.id);
    if ('failure' in message) one?.reject(new Error(`the disk cannot be read: ${message.failure}`));
    else one?.resolve(message);
  });
  const ask = (question: (id: number) => FromThread): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const id = (last += 1);
      waiting.set(id, { resolve, reject });
      port.postMessage(question(id));
    });
  return {
    size,
    read: async (offset, length) => {
      const answer = await ask((id) => ({ kind: 'read', id, offset, length }));
      return 'bytes' in answer ? answer.bytes : new Uint8Array(0);
    },
    fromBase: async (ranges) => {
      const answer = await ask((id) => ({ kind: 'from-base', id, ranges }));
      return 'answers' in answer ? answer.answers : [];
    },
  };
}

/** Answers one question about the disk. */
export async function answer(
  disk: OwnDisk,
  question: Exclude<FromThread, { kind: 'result' }>,
  port: Pick<Port<FromThread, ToThread>, 'postMessage'>,
): Promise<void> {
  const { id } = question;
  try {
    if (question.kind === 'from-base') {
      port.postMessage({ id, answers: await disk.fromBase(question.ranges) });
      return;
    }
    const bytes = await disk.read(question.offset, question.length);
    port.postMessage({ id, bytes }, [bytes.buffer as ArrayBuffer]);
  } catch (error) {
    port.postMessage({ id, failure: error instanceof Error ? error.message : String(error) });
  }
}
