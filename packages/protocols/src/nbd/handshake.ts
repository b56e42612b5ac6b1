import { ByteQueue } from './byte-queue.js';
import { decodeString, maxStringBytes, uint32 } from './bytes.js';
import { handshakeFlag, magic, optionReply, optionType } from './constants.js';
import { enterReply, infoReply, metaContextReply, refusalReply, type Selection } from './handshake-replies.js';
import type {
  NbdExportAnswer,
  NbdHandshake,
  NbdHandshakeLimits,
  NbdHandshakeSettings,
  NbdHandshakeStep,
  NbdListedExport,
} from './handshake-types.js';
import {
  decodeInfoRequest,
  decodeMetaContextRequest,
  encodeAck,
  encodeGreeting,
  encodeOptionError,
  encodeServer,
  join,
  type InfoRequest,
  type MetaContextRequest,
  type OptionDecoded,
} from './option-codec.js';

/** Far above what any client needs, far below what would hurt. */
export const defaultHandshakeLimits: NbdHandshakeLimits = {
  options: 64,
  optionBytes: 32 << 10,
  totalBytes: 256 << 10,
  queries: 32,
};

/**
 * Fixed newstyle negotiation (proto.md, "Handshake") as a state machine: push bytes, then carry out what `next` says.
 * Any bytes lead to a reply or an end, never to an exception.
 */
export function createHandshake(settings: NbdHandshakeSettings): NbdHandshake {
  return new Handshake(settings);
}

/** An option whose data has come. */
type Asked =
  | { readonly option: typeof optionType.exportName; readonly name: string }
  | { readonly option: typeof optionType.info | typeof optionType.go; readonly request: InfoRequest }
  | {
      readonly option: typeof optionType.listMetaContext | typeof optionType.setMetaContext;
      readonly request: MetaContextRequest;
    };

type State =
  | { readonly at: 'greeting' | 'client-flags' | 'header' | 'securing' | 'listing' | 'over' }
  | { readonly at: 'data'; readonly option: number; readonly length: number }
  /** Data nobody wants; the reply follows it. */
  | { readonly at: 'skipping'; readonly length: number; readonly then: NbdHandshakeStep }
  | { readonly at: 'opening'; readonly asked: Asked }
  /** The outside world has answered; this is what follows. */
  | { readonly at: 'answered'; readonly step: NbdHandshakeStep };

const more: NbdHandshakeStep = { kind: 'more' };
const end = (fault: string | undefined, bytes: Uint8Array = new Uint8Array(0)): NbdHandshakeStep => ({
  kind: 'end',
  bytes,
  fault,
});
const send = (bytes: Uint8Array): NbdHandshakeStep => ({ kind: 'send', bytes });

class Handshake implements NbdHandshake {
  private readonly settings: NbdHandshakeSettings;
  private readonly bytes = new ByteQueue();
  private state: State = { at: 'greeting' };
  private fixed = false;
  private noZeroes = false;
  private tls = false;
  private structured = false;
  private selection: Selection | undefined;
  private options = 0;
  private dataBytes = 0;

  constructor(settings: NbdHandshakeSettings) {
    this.settings = settings;
  }

  push(bytes: Uint8Array): void {
    this.bytes.push(bytes);
  }

  next(): NbdHandshakeStep {
    for (;;) {
      const step = this.advance();
      if (step?.kind === 'start-tls') return this.beginTls(step);
      if (step?.kind === 'end' || step?.kind === 'transmission') this.state = { at: 'over' };
      if (step) return step;
    }
  }

  opened(answer: NbdExportAnswer): void {
    if (this.state.at !== 'opening') throw new Error('no export was asked for');
    this.state = { at: 'answered', step: this.answer(this.state.asked, answer) };
  }

  listed(exports: readonly NbdListedExport[]): void {
    if (this.state.at !== 'listing') throw new Error('no list was asked for');
    const servers = exports.map(({ name, description }) => encodeServer(optionType.list, name, description));
    this.state = { at: 'answered', step: send(join([...servers, encodeAck(optionType.list)])) };
  }

  secured(): void {
    if (this.state.at !== 'securing') throw new Error('TLS was not asked for');
    this.tls = true;
    this.state = { at: 'header' };
  }

  /** One step, or undefined when the next can be taken at once. */
  private advance(): NbdHandshakeStep | undefined {
    const { state } = this;
    switch (state.at) {
      case 'greeting':
        this.state = { at: 'client-flags' };
        return send(encodeGreeting());
      case 'client-flags':
        return this.clientFlags();
      case 'header':
        return this.header();
      case 'data': {
        const data = this.bytes.take(state.length);
        return data ? this.carryOut(state.option, data) : more;
      }
      case 'skipping':
        if (!this.bytes.skip(state.length)) return more;
        this.state = { at: 'header' };
        return state.then;
      case 'answered':
        this.state = { at: 'header' };
        return state.step;
      case 'opening':
      case 'listing':
      case 'securing':
      case 'over':
        throw new Error(`the handshake has nothing to do: ${state.at}`);
    }
  }

  /** proto.md, "Client flags": an unknown flag ends the connection. */
  private clientFlags(): NbdHandshakeStep | undefined {
    const bytes = this.bytes.take(4);
    if (!bytes) return more;
    const flags = uint32(bytes, 0);
    if ((flags & ~(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes)) !== 0) {
      return end(`unknown client flags 0x${flags.toString(16)}`);
    }
    this.fixed = (flags & handshakeFlag.fixedNewstyle) !== 0;
    this.noZeroes = (flags & handshakeFlag.noZeroes) !== 0;
    this.state = { at: 'header' };
    return undefined;
  }

  /** The head of an option: what becomes of its data is decided here, before a byte of it is kept. */
  private header(): NbdHandshakeStep | undefined {
    const bytes = this.bytes.take(16);
    if (!bytes) return more;
    if (uint32(bytes, 0) !== magic.option[0] || uint32(bytes, 4) !== magic.option[1]) {
      return end('an option does not begin with IHAVEOPT');
    }
    const [option, length] = [uint32(bytes, 8), uint32(bytes, 12)];
    const { limits } = this.settings;
    this.options += 1;
    this.dataBytes += length;
    // "if a server believes a client's behaviour constitutes a denial of service, it MAY initiate a hard disconnect"
    if (this.options > limits.options) return end(`more than ${limits.options} options`);
    if (this.dataBytes > limits.totalBytes) return end(`more than ${limits.totalBytes} bytes of options`);
    if (option === optionType.exportName) return this.exportNameHeader(length);
    // "Newstyle negotiation": the only valid option, and no way to say so.
    if (!this.fixed) return end(`option ${option} without fixed newstyle`);
    const then = this.decideByHeader(option, length);
    this.state = then ? { at: 'skipping', length, then } : { at: 'data', option, length };
    return undefined;
  }

  /** NBD_OPT_EXPORT_NAME cannot be refused but by closing. */
  private exportNameHeader(length: number): NbdHandshakeStep | undefined {
    if (this.settings.tls === 'required' && !this.tls)
      return end('NBD_OPT_EXPORT_NAME before the TLS that is required');
    if (length > maxStringBytes) return end(`an export name of ${length} bytes`);
    this.state = { at: 'data', option: optionType.exportName, length };
    return undefined;
  }

  /** The reply when option and length say enough; undefined when the data has to be read. */
  private decideByHeader(option: number, length: number): NbdHandshakeStep | undefined {
    const refuse = (type: number, message: string) => send(encodeOptionError(option, type, message));
    // The server SHOULD ignore any data sent with it.
    if (option === optionType.abort) return end(undefined, encodeAck(option));
    if (option === optionType.startTls) return this.startTls(length);
    // "FORCEDTLS mode": any other option, including unsupported ones.
    if (this.settings.tls === 'required' && !this.tls)
      return refuse(optionReply.errTlsReqd, 'this server wants TLS first');
    if (!known.has(option)) return refuse(optionReply.errUnsup, 'this server does not know the option');
    if (length > this.settings.limits.optionBytes) {
      return refuse(optionReply.errTooBig, `an option has at most ${this.settings.limits.optionBytes} bytes of data`);
    }
    if (withoutData.has(option) && length > 0) return refuse(optionReply.errInvalid, 'the option has no data');
    if (option === optionType.list && !this.settings.listExports) {
      return refuse(optionReply.errPolicy, 'this server does not list its exports');
    }
    if (needsStructured.has(option) && !this.structured) {
      if (option === optionType.setMetaContext) this.selection = undefined;
      return refuse(optionReply.errInvalid, 'negotiate structured replies first');
    }
    return undefined;
  }

  /** proto.md, "TLS support", the three modes. */
  private startTls(length: number): NbdHandshakeStep {
    const option = optionType.startTls;
    const refuse = (type: number, message: string) => send(encodeOptionError(option, type, message));
    if (length > 0) return refuse(optionReply.errInvalid, 'the option has no data');
    if (this.tls) return refuse(optionReply.errInvalid, 'TLS is up already');
    if (this.settings.tls === 'off') return refuse(optionReply.errPolicy, 'this server has no TLS');
    return { kind: 'start-tls', bytes: encodeAck(option) };
  }

  /** "the server MUST NOT preserve any negotiation state" from before TLS, and nothing that was said in the clear counts. */
  private beginTls(step: NbdHandshakeStep): NbdHandshakeStep {
    // The client waits for the ACK; bytes behind its request are someone else's, put in to be taken for its own.
    if (this.bytes.available() > 0) {
      this.state = { at: 'over' };
      return end('bytes in the clear behind NBD_OPT_STARTTLS');
    }
    this.structured = false;
    this.selection = undefined;
    this.state = { at: 'securing' };
    return step;
  }

  private carryOut(option: number, data: Uint8Array): NbdHandshakeStep | undefined {
    this.state = { at: 'header' };
    switch (option) {
      case optionType.exportName: {
        const name = decodeString(data);
        return name === undefined ? end('the export name is no string') : this.open({ option, name });
      }
      case optionType.list:
        this.state = { at: 'listing' };
        return { kind: 'list' };
      case optionType.structuredReply:
        this.structured = true;
        return send(encodeAck(option));
      case optionType.info:
      case optionType.go:
        return this.openDecoded(option, decodeInfoRequest(data), (request) => ({ option, request }));
      case optionType.listMetaContext:
        return this.openDecoded(option, this.decodeQueries(data), (request) => ({ option, request }));
      case optionType.setMetaContext:
        // "replaces all previously-set metadata contexts (including when this command fails)"
        this.selection = undefined;
        return this.openDecoded(option, this.decodeQueries(data), (request) => ({ option, request }));
      default:
        throw new Error(`option ${option} has no data to carry out`);
    }
  }

  private decodeQueries(data: Uint8Array): OptionDecoded<MetaContextRequest> {
    return decodeMetaContextRequest(data, this.settings.limits.queries);
  }

  private openDecoded<T>(option: number, decoded: OptionDecoded<T>, asked: (request: T) => Asked): NbdHandshakeStep {
    if (decoded.ok) return this.open(asked(decoded.value));
    const type = decoded.tooBig ? optionReply.errTooBig : optionReply.errInvalid;
    return send(encodeOptionError(option, type, decoded.message));
  }

  private open(asked: Asked): NbdHandshakeStep {
    this.state = { at: 'opening', asked };
    return { kind: 'open', name: nameOf(asked) };
  }

  private answer(asked: Asked, answer: NbdExportAnswer): NbdHandshakeStep {
    if (!answer.ok) {
      // "If the server is unwilling to allow the export, it MUST terminate the session."
      if (asked.option === optionType.exportName) return end(`the export was refused: ${answer.message}`);
      return send(refusalReply(asked.option, answer, { offered: this.settings.tls !== 'off', up: this.tls }));
    }
    const { info } = answer;
    if (asked.option === optionType.listMetaContext || asked.option === optionType.setMetaContext) {
      const { bytes, selection } = metaContextReply(asked.option, asked.request, info);
      if (asked.option === optionType.setMetaContext) this.selection = selection;
      return send(bytes);
    }
    if (asked.option === optionType.info) return send(infoReply(asked.option, asked.request, info, this.structured));
    const { structured, noZeroes, selection } = this;
    const request = asked.option === optionType.go ? asked.request : undefined;
    const entered = enterReply({ name: nameOf(asked), request, info, structured, noZeroes, selection });
    return { kind: 'transmission', ...entered, rest: this.bytes.rest() };
  }
}

const nameOf = (asked: Asked): string => (asked.option === optionType.exportName ? asked.name : asked.request.name);

const known = new Set<number>(Object.values(optionType));
const withoutData = new Set<number>([optionType.list, optionType.structuredReply]);
const needsStructured = new Set<number>([optionType.listMetaContext, optionType.setMetaContext]);
