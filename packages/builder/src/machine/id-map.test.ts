import { expect, it } from 'vitest';
import { rangeOf } from './id-map.js';

it('takes the largest range of a user, by name or number, and of nobody else', () => {
  const text = 'ada:100000:65536\n1000:300000:131072\nbob:500000:9999999\nada:x:1\nada:1:0\n';
  expect(rangeOf(text, { name: 'ada', id: 1000 })).toEqual({ start: 300_000, count: 131_072 });
  expect(rangeOf(text, { name: 'ada', id: 7 })).toEqual({ start: 100_000, count: 65_536 });
  expect(rangeOf(text, { name: 'eve', id: 8 })).toBeUndefined();
});
