import { expect, it } from 'vitest';
import { bytesText, countText, durationText, relativeText, speedText } from './format.js';

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [12_400_000, '12.4 MB'],
  [480_000_000, '480 MB'],
  [5.5e12, '5.5 TB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text);
});

it.each([
  [12, '12 ms'],
  [2400, '2.4 s'],
  [42_000, '42 s'],
  [59_999, '60 s'],
  [192_000, '3 min 12 s'],
  [7_500_000, '2 h 5 min'],
  [3 * 86_400_000, '3 days'],
])('%d ms are %s', (ms, text) => {
  expect(durationText(ms)).toBe(text);
});

it.each([
  [0, 'just now'],
  [-42_000, '42 s ago'],
  [-240_000, '4 min ago'],
  [7_200_000, 'in 2 h'],
  [-86_400_000, '1 day ago'],
  [-10 * 86_400_000, '10 days ago'],
])('%d ms from now is %s', (ms, text) => {
  expect(relativeText(1e12 + ms, 1e12)).toBe(text);
});

it('tells a speed where there is one', () => {
  expect([speedText(2_000_000, 500), speedText(0, 500), speedText(10, 0)]).toEqual(['4.0 MB/s', undefined, undefined]);
  expect([countText(1, 'board'), countText(5000, 'board')]).toEqual(['1 board', '5,000 boards']);
});
