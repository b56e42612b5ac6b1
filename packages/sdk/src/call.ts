import {
  apiBase,
  fillPath,
  routes,
  type AnswerOf,
  type BodyOf,
  type OperationId,
  type ParamsOf,
  type QueryOf,
  type Route,
} from '@drover/contract';
import type { Transport } from './transport.js';

type Part<K extends string, T> = [T] extends [undefined]
  ? unknown
  : Partial<T> extends T
    ? { [P in K]?: T }
    : { [P in K]: T };
type Needed<K extends string, T> = [T] extends [undefined] ? unknown : { [P in K]: T };

/** What one operation takes: path parameters, query and body, each only where the route table has it. */
export type InputOf<O extends OperationId> = Needed<'params', ParamsOf<O>> &
  Part<'query', QueryOf<O>> &
  Needed<'body', BodyOf<O>>;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Made up where an operation honours one and none is given, so that a repeated try has one effect. */
  readonly idempotencyKey?: string | undefined;
  /** ETag the resource must still have. */
  readonly ifMatch?: string | undefined;
}

export type CallArguments<O extends OperationId> =
  object extends InputOf<O> ? [input?: InputOf<O>, options?: CallOptions] : [input: InputOf<O>, options?: CallOptions];

/** Carries out one operation of the route table. Throws DroverError. */
export type Call = <O extends OperationId>(operation: O, ...args: CallArguments<O>) => Promise<AnswerOf<O>>;

/** The three parts of an input, whichever operation it is for. */
export interface AnyInput {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** Path and query of an operation. Undefined query values are left out. */
export const pathOf = (route: Route, { params, query }: AnyInput): string => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      search.set(name, String(value));
    }
  }
  const text = search.toString();
  return `${apiBase}${fillPath(route.path, params ?? {})}${text === '' ? '' : `?${text}`}`;
};

/** A version 4 UUID (RFC 9562). `crypto.randomUUID` is missing in pages that came over plain HTTP. */
const randomUuid = (): string => {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

export const createCall = (transport: Transport): Call => {
  const call = async (operation: OperationId, input: AnyInput = {}, options: CallOptions = {}): Promise<unknown> => {
    const route: Route = routes[operation];
    const key = options.idempotencyKey ?? (route.idempotent === true ? randomUuid() : undefined);
    const response = await transport.send({
      method: route.method,
      path: pathOf(route, input),
      headers: {
        ...(input.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...(options.ifMatch === undefined ? {} : { 'if-match': options.ifMatch }),
      },
      body: input.body === undefined ? undefined : JSON.stringify(input.body),
      // DELETE is left out: its second try would find nothing and report a success as a refusal.
      repeatable: route.method === 'GET' || key !== undefined,
      signal: options.signal,
    });
    if (response.status === 204) return null;
    return response.json();
  };
  return call as Call;
};
