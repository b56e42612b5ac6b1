import {
  createHandshake,
  defaultHandshakeLimits,
  type NbdExportAnswer,
  type NbdExportInfo,
  type NbdHandshake,
  type NbdHandshakeSettings,
  type NbdHandshakeStep,
  type NbdSession,
} from '../../src/nbd/index.js';
import { clientFlags } from './nbd-client.js';

export const name = 'k9-token';

export const settings = (change: Partial<NbdHandshakeSettings> = {}): NbdHandshakeSettings => ({
  tls: 'off',
  listExports: false,
  limits: defaultHandshakeLimits,
  ...change,
});

/** An export that can do everything. */
export const exportOf = (change: Partial<NbdExportInfo> = {}): NbdExportInfo => ({
  size: 5 * 2 ** 40,
  readOnly: false,
  canMultiConn: true,
  canFlush: true,
  canFua: true,
  canTrim: true,
  canWriteZeroes: true,
  canFastZero: true,
  canCache: true,
  canBlockStatus: true,
  blockSize: { minimum: 1, preferred: 4096, maximum: 32 << 20 },
  description: 'a disk',
  ...change,
});

export type Answers = Readonly<Record<string, NbdExportAnswer>>;

/** A handshake and the world around it. */
export interface Hearing {
  readonly handshake: NbdHandshake;
  readonly answers: Answers;
  /** What was sent before anything is heard: the greeting, the reply to the flags. */
  readonly flags?: number;
}

export const handshake = (of: NbdHandshakeSettings, answers: Answers = standard): Hearing => ({
  handshake: createHandshake(of),
  answers,
});

const standard: Answers = { [name]: { ok: true, info: exportOf() } };

/** A fixed newstyle client has said its flags. */
export const start = (change: Partial<NbdHandshakeSettings> = {}, answers: Answers = standard): Hearing => ({
  ...handshake(settings(change), answers),
  flags: 3,
});

export interface Heard {
  /** Everything that was sent, without the greeting and the words of an end. */
  readonly sent: Uint8Array;
  readonly session?: NbdSession;
  readonly rest?: Uint8Array;
  readonly end?: NbdHandshakeStep & { kind: 'end' };
  /** Names of exports that were looked up, in order. */
  readonly opened: readonly string[];
  readonly steps: number;
}

/** Plays a client's bytes, chunk by chunk, to a handshake until there is no more to say. */
export function hear({ handshake: server, answers, flags }: Hearing, ...chunks: Uint8Array[]): Heard {
  const queue = flags === undefined ? chunks : [clientFlags(flags), ...chunks];
  const sent: number[] = [];
  const opened: string[] = [];
  let greeted = false;
  for (let steps = 1; ; steps += 1) {
    const step = server.next();
    const heard = (): Heard => ({ sent: Uint8Array.from(sent), opened, steps });
    switch (step.kind) {
      case 'more': {
        const chunk = queue.shift();
        if (!chunk) return heard();
        server.push(chunk);
        break;
      }
      case 'send':
        if (greeted) sent.push(...step.bytes);
        greeted = true;
        break;
      case 'start-tls':
        sent.push(...step.bytes);
        server.secured();
        break;
      case 'open':
        opened.push(step.name);
        server.opened(answers[step.name] ?? { ok: false, reason: 'unknown', message: 'there is no such export' });
        break;
      case 'list':
        server.listed([{ name, description: 'a disk' }, { name: 'other' }]);
        break;
      case 'transmission':
        sent.push(...step.bytes);
        return { ...heard(), session: step.session, rest: Uint8Array.from(step.rest) };
      case 'end':
        return { ...heard(), end: step };
    }
  }
}
