import { RefusedError, refusal, type Page } from '@drover/contract';

/** The place after the last item of a page: the values it was sorted by. */
export type Position = readonly (string | number)[];

const encode = (position: Position): string => Buffer.from(JSON.stringify(position)).toString('base64url');

/**
 * Reads a cursor of {@link pageFrom} with the same kinds of values as `example`.
 *
 * @throws RefusedError request.cursor-invalid
 */
export const readCursor = <P extends Position>(cursor: string, example: P): P => {
  const position = parse(cursor);
  const fits =
    Array.isArray(position) &&
    position.length === example.length &&
    position.every((value, i) => typeof value === typeof example[i] && (typeof value === 'string' || isCount(value)));
  if (!fits) {
    throw new RefusedError(
      refusal('request.cursor-invalid', 'cursor: is not one that this list gave out', {
        remedy: 'Take `next` of the page before, or leave the cursor out to begin again.',
      }),
    );
  }
  return position as unknown as P;
};

const isCount = (value: unknown): boolean => Number.isSafeInteger(value);

const parse = (cursor: string): unknown => {
  if (!/^[A-Za-z0-9_-]+$/.test(cursor)) return undefined;
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
};

/** Makes a page of the rows of a query that asked for one more than `limit`. */
export const pageFrom = <Row>(rows: readonly Row[], limit: number, position: (row: Row) => Position): Page<Row> => {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? encode(position(last)) : null };
};

export const mapPage = <A, B>(page: Page<A>, map: (item: A) => B): Page<B> => ({
  items: page.items.map(map),
  next: page.next,
});

/** Of a list that begins with the newest. */
export const newestPage = <Row extends { readonly created_at: string; readonly id: string }, Item>(
  rows: readonly Row[],
  limit: number,
  map: (row: Row) => Item,
): Page<Item> =>
  mapPage(
    pageFrom(rows, limit, ({ created_at, id }) => [created_at, id]),
    map,
  );
