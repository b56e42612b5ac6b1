import {
  command,
  createHandshake,
  createRequestParser,
  refuseRequest,
  rulesOf,
  type NbdHandshakeSettings,
  type NbdSession,
} from '../../src/nbd/index.js';
import { bytesOf } from './nbd-client.js';
import { exportOf } from './nbd-handshake.js';

/** The same bytes in chunks that end at these places, in whatever order they are named; every chunk has memory of its own. */
export function splitAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set([...places.filter((place) => place < bytes.length), bytes.length])].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.slice(i === 0 ? 0 : ends[i - 1]!, end));
}

/** What came of one request. */
export interface Carried {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly length: number;
  /** The error it was refused with. */
  readonly refused?: string;
  /** Of a WRITE that was not refused. */
  readonly payload?: string;
}

export interface Played {
  /** Everything the handshake sent. */
  readonly sent: Uint8Array;
  readonly session?: NbdSession;
  readonly requests: readonly Carried[];
  /** Why the client would have been cut off. */
  readonly fault?: string;
  /** It said that it goes. */
  readonly farewell: boolean;
  /** Most memory that was asked for at once, in bytes. */
  readonly memory: number;
}

const exportSize = 65_536;

/** A server made of nothing but the protocol: plays a client's bytes to it, every export name being a disk of 64 KiB. */
export function play(chunks: readonly Uint8Array[], settings: NbdHandshakeSettings): Played {
  const info = exportOf({ size: exportSize });
  const handshake = createHandshake(settings);
  const queue = [...chunks];
  const sent: Uint8Array[] = [];
  const result = () => ({ sent: bytesOf(...sent), requests: [], farewell: false, memory: 0 });
  for (;;) {
    const step = handshake.next();
    if ('bytes' in step) sent.push(step.bytes);
    switch (step.kind) {
      case 'more': {
        const chunk = queue.shift();
        if (!chunk) return result();
        handshake.push(chunk);
        break;
      }
      case 'open':
        handshake.opened({ ok: true, info });
        break;
      case 'list':
        handshake.listed([{ name: 'x' }]);
        break;
      case 'start-tls':
        handshake.secured();
        break;
      case 'send':
        break;
      case 'end':
        return step.fault === undefined ? { ...result(), farewell: true } : { ...result(), fault: step.fault };
      case 'transmission':
        return { ...result(), session: step.session, ...transmit([step.rest, ...queue], step.session) };
    }
  }
}

function transmit(
  chunks: Uint8Array[],
  session: NbdSession,
): Pick<Played, 'requests' | 'fault' | 'farewell' | 'memory'> {
  const parser = createRequestParser();
  const rules = rulesOf(session);
  const requests: Carried[] = [];
  let memory = 0;
  let writing: Carried | undefined;
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const allocate = (length: number): Uint8Array => {
    memory = Math.max(memory, length);
    return new Uint8Array(length);
  };
  const takeUp = (): void => {
    const { type, flags, offset, length } = parser;
    const refused = refuseRequest(parser, rules)?.error;
    const request = { type, flags, offset, length };
    if (refused !== undefined && type === command.write) {
      writing = { ...request, refused };
      parser.skipPayload();
    } else if (refused !== undefined) {
      requests.push({ ...request, refused });
    } else if (type === command.write) {
      writing = request;
      const payload = parser.takePayload(allocate);
      if (payload) requests.push({ ...request, payload: hex(payload) });
    } else requests.push(request);
  };
  for (;;) {
    switch (parser.next()) {
      case 'more': {
        const chunk = chunks.shift();
        if (!chunk) return { requests, farewell: false, memory };
        parser.push(chunk);
        break;
      }
      case 'payload':
        requests.push({ ...writing!, payload: hex(parser.payload()) });
        break;
      case 'skipped':
        requests.push(writing!);
        break;
      case 'fault':
        return { requests, farewell: false, memory, fault: 'no request' };
      case 'request':
        if (parser.type === command.disc) return { requests, farewell: true, memory };
        takeUp();
    }
  }
}
