import type { z } from 'zod';
import { LabelSelector } from '../primitives.js';
import { routes } from './table.js';

export type { Route } from './route.js';

export { routes };
export type OperationId = keyof typeof routes;
type Field<R, K extends string, Mode extends 'in' | 'out'> =
  R extends Record<K, infer S extends z.ZodType> ? (Mode extends 'in' ? z.input<S> : z.output<S>) : undefined;

/** What a caller hands over, before defaults are filled in. */
export type ParamsOf<O extends OperationId> = Field<(typeof routes)[O], 'params', 'in'>;
export type QueryOf<O extends OperationId> = Field<(typeof routes)[O], 'query', 'in'>;
export type BodyOf<O extends OperationId> = Field<(typeof routes)[O], 'body', 'in'>;
export type AnswerOf<O extends OperationId> = Field<(typeof routes)[O], 'answer', 'out'>;
/** `data` of each message of an operation that answers with an event stream. */
export type EventOf<O extends OperationId> = Field<(typeof routes)[O], 'event', 'out'>;
/** Operations that answer with an event stream. */
export type StreamOperation = {
  [O in OperationId]: (typeof routes)[O] extends { streams: 'events' } ? O : never;
}[OperationId];
/** Operations that answer with bytes. */
export type BytesOperation = {
  [O in OperationId]: (typeof routes)[O] extends { streams: 'answer-bytes' } ? O : never;
}[OperationId];
/** Operations that answer with text, as it comes to be. */
export type TextOperation = {
  [O in OperationId]: (typeof routes)[O] extends { streams: 'answer-text' } ? O : never;
}[OperationId];
/** What a handler gets, parsed. */
export type ParsedParamsOf<O extends OperationId> = Field<(typeof routes)[O], 'params', 'out'>;
export type ParsedQueryOf<O extends OperationId> = Field<(typeof routes)[O], 'query', 'out'>;
export type ParsedBodyOf<O extends OperationId> = Field<(typeof routes)[O], 'body', 'out'>;

/** `/devices/{ref}` with its parameters filled in, each encoded. */
export const fillPath = (path: string, params: Readonly<Record<string, string>>): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));

/** Below which every operation lives. */
export const apiBase = '/api/v2';

/** Labels of a selector, or undefined when it is not one. */
export const parseSelector = (text: string): Record<string, string> | undefined =>
  LabelSelector.safeParse(text).success
    ? Object.fromEntries(text.split(',').map((pair) => pair.split('=') as [string, string]))
    : undefined;
