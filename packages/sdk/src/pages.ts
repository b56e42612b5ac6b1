import type { AnswerOf, OperationId, Page } from '@drover/contract';
import type { AnyInput, Call, CallOptions, InputOf } from './call.js';

/** Operations that answer with pages. */
export type ListOperation = {
  [O in OperationId]: AnswerOf<O> extends Page<unknown> ? O : never;
}[OperationId];
export type ItemOf<O extends ListOperation> = AnswerOf<O> extends Page<infer T> ? T : never;

type AnyCall = (operation: OperationId, input: AnyInput, options: CallOptions) => Promise<Page<unknown>>;

/** Every item of a list, page after page, each page asked for when the one before is used up. */
export async function* eachItem<O extends ListOperation>(
  call: Call,
  operation: O,
  input?: InputOf<O>,
  options: CallOptions = {},
): AsyncGenerator<ItemOf<O>, void, undefined> {
  const { query, ...rest }: AnyInput = input ?? {};
  let cursor: string | undefined;
  do {
    const next: AnyInput = { ...rest, query: { ...query, ...(cursor === undefined ? {} : { cursor }) } };
    const page = await (call as unknown as AnyCall)(operation, next, options);
    yield* page.items as ItemOf<O>[];
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
}
