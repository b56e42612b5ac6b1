import { expect, it } from 'vitest';
import { createThrottle } from './throttle.js';

const begin = () => {
  let now = 0;
  const throttle = createThrottle({ clock: { now: () => now } });
  const fail = (address: string, times: number) =>
    Array.from({ length: times }, () => throttle.failed(address, 'wrong-key'));
  return { throttle, fail, pass: (ms: number) => (now += ms) };
};

it('refuses an address after 20 wrong keys, and lets it try again every three seconds', () => {
  const { throttle, fail, pass } = begin();
  expect(fail('10.0.0.1', 19).every(Boolean)).toBe(true);
  expect(throttle.refuses('10.0.0.1', 'k')).toBe(false);
  fail('10.0.0.1', 1);
  expect(throttle.refuses('10.0.0.1', 'k')).toBe(true);
  expect(throttle.refuses('10.0.0.2', 'k')).toBe(false);
  pass(3000);
  expect(throttle.refuses('10.0.0.1', 'k')).toBe(false);
  expect(fail('10.0.0.1', 1)).toEqual([true]);
  expect(throttle.refuses('10.0.0.1', 'k')).toBe(true);
});

it('lets a key through that was good lately', () => {
  const { throttle, fail, pass } = begin();
  throttle.succeeded('good');
  fail('10.0.0.1', 30);
  expect(throttle.refuses('10.0.0.1', 'good')).toBe(false);
  pass(600_000);
  fail('10.0.0.1', 30);
  expect(throttle.refuses('10.0.0.1', 'good')).toBe(true);
});

it('counts an IPv6 network as one address, and a request without a key against nobody', () => {
  const { throttle, fail } = begin();
  for (let i = 0; i < 50; i += 1) throttle.failed('2001:db8:1:2::7', 'no-key');
  expect(throttle.failed('2001:db8:1:2::7', 'no-key')).toBe(false);
  expect(throttle.refuses('2001:db8:1:2::7', 'k')).toBe(false);
  fail('2001:db8:1:2::7', 20);
  expect(throttle.refuses('2001:db8:1:2:ffff::1', 'k')).toBe(true);
  expect(throttle.refuses('2001:db8:1:3::1', 'k')).toBe(false);
});

it('forgets the oldest addresses when there are very many', () => {
  const { throttle, fail } = begin();
  fail('10.0.0.1', 20);
  for (let i = 0; i < 10_000; i += 1) throttle.failed(`10.1.${i >> 8}.${i & 255}`, 'wrong-key');
  expect(throttle.refuses('10.0.0.1', 'k')).toBe(false);
});
