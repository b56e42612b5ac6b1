import { expect, it } from 'vitest';
import { cursorAfter } from './grid-cursor.js';

const table = { count: 100, columns: 1, page: 10 };
const tiles = { count: 10, columns: 4, page: 2 };

it.each([
  ['ArrowDown', 0, table, 1],
  ['ArrowUp', 0, table, 0],
  ['ArrowDown', 99, table, 99],
  ['PageDown', 5, table, 15],
  ['PageUp', 5, table, 0],
  ['End', 5, table, 99],
  ['Home', 5, table, 0],
  ['ArrowRight', 5, table, undefined],
  ['a', 5, table, undefined],
  ['ArrowRight', 3, tiles, 4],
  ['ArrowDown', 1, tiles, 5],
  ['ArrowDown', 7, tiles, 7],
  ['ArrowUp', 2, tiles, 2],
  ['End', 2, tiles, 9],
  ['ArrowDown', 0, { count: 0, columns: 1, page: 1 }, 0],
])('%s at %d of %j leads to %s', (key, at, grid, to) => {
  expect(cursorAfter(key, at, grid)).toBe(to);
});
