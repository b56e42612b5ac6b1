import { expect, it } from 'vitest';
import { bytesLimitOf, bytesLimitText, expiryOf, keyStateOf, limitOf } from './key-model.js';

const now = Date.parse('2026-11-30T10:00:00.000Z');

it('tells keys that work from those that do not', () => {
  expect(keyStateOf({ revokedAt: null, expiresAt: null }, now)).toBe('works');
  expect(keyStateOf({ revokedAt: null, expiresAt: '2026-11-30T10:00:00.000Z' }, now)).toBe('expired');
  expect(keyStateOf({ revokedAt: null, expiresAt: '2026-12-30T10:00:00.000Z' }, now)).toBe('works');
  expect(keyStateOf({ revokedAt: '2026-01-01T00:00:00.000Z', expiresAt: null }, now)).toBe('revoked');
});

it('lets keys expire after days', () => {
  expect(expiryOf('', now)).toBeUndefined();
  expect(expiryOf('7', now)).toBe('2026-12-07T10:00:00.000Z');
});

it('reads limits as people write them', () => {
  expect(limitOf('')).toBeNull();
  expect(limitOf('12')).toBe(12);
  expect(limitOf('x')).toBeUndefined();
  expect(limitOf('-1')).toBeUndefined();
  expect(bytesLimitOf('1,5')).toBe(1_500_000_000);
  expect(bytesLimitText(1_500_000_000)).toBe('1.5');
  expect(bytesLimitText(null)).toBe('');
});
