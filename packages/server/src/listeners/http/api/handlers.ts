import type {
  AnswerOf,
  BytesOperation,
  EventOf,
  OperationId,
  ParsedBodyOf,
  ParsedParamsOf,
  ParsedQueryOf,
  Principal,
  Result,
  StreamOperation,
  TextOperation,
} from '@drover/contract';
import type { Also } from '../../../app/store/ports.js';

/** Who asks, and what a use case needs to know of the request. */
export interface RequestContext {
  readonly principal: Principal;
  readonly requestId: string;
  /** IP address of the caller. */
  readonly address: string;
  /** ETag the caller expects the resource to have. */
  readonly ifMatch: string | undefined;
  /** Aborted when the caller goes away or the server stops. */
  readonly signal: AbortSignal;
  /** For the transaction that creates something: keeps the answer for a repeated Idempotency-Key, so that no crash comes between the two. */
  readonly also: Also<unknown> | undefined;
  /** The body of an operation that takes bytes; empty for the others. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** The parsed request of one operation. */
export interface RequestOf<O extends OperationId> {
  readonly params: ParsedParamsOf<O>;
  readonly query: ParsedQueryOf<O>;
  readonly body: ParsedBodyOf<O>;
}

/** Carries out one operation: a value or a refusal; what it throws is a fault, RefusedError apart. */
export type Handler<O extends OperationId> = (
  context: RequestContext,
  request: RequestOf<O>,
) => Promise<Result<AnswerOf<O>>>;

/** One handler for each row of the route table: a route without one does not compile. */
export type Handlers = { readonly [O in Exclude<OperationId, BytesOperation | TextOperation>]: Handler<O> };

/** One server-sent event. `id` null: live only, nothing to resume from. */
export interface StreamMessage<T> {
  readonly id: string | null;
  readonly type: string;
  readonly data: T;
}

/** Follows one operation's stream from where `lastEventId` left off, until `context.signal` aborts. */
export type StreamHandler<O extends StreamOperation> = (
  context: RequestContext,
  request: RequestOf<O> & { readonly lastEventId: string | undefined },
) => Promise<Result<AsyncIterable<StreamMessage<EventOf<O>>>>>;

/** A file to be sent: see answer-bytes. */
export interface SentFile {
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** A suggestion for whoever keeps it. */
  readonly filename: string;
  /** `start` and `end` are the first and the last byte. */
  stream(range?: { start: number; end: number }): AsyncIterable<Uint8Array>;
}

/** A file that is made while it is sent: neither its length nor its digest are known, and there are no ranges of it. */
export interface MadeFile {
  readonly filename: string;
  stream(): AsyncIterable<Uint8Array>;
}

/** Finds the file that one operation answers with. */
export type BytesHandler<O extends BytesOperation> = (
  context: RequestContext,
  request: RequestOf<O>,
) => Promise<Result<SentFile | MadeFile>>;

export type BytesHandlers = { readonly [O in BytesOperation]: BytesHandler<O> };

/** Gives the text that one operation answers with, piece by piece, until `context.signal` aborts. */
export type TextHandler<O extends TextOperation> = (
  context: RequestContext,
  request: RequestOf<O>,
) => Promise<Result<AsyncIterable<Uint8Array>>>;

export type TextHandlers = { readonly [O in TextOperation]: TextHandler<O> };

export type StreamHandlers = { readonly [O in StreamOperation]: StreamHandler<O> };
