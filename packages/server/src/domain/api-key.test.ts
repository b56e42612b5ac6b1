import { describe, expect, it } from 'vitest';
import { apiKeyFrom, apiKeyPattern, endOf, hintOf } from './api-key.js';

describe('an API key', () => {
  it('is base64url of its bytes behind a prefix', () => {
    for (const hex of ['00'.repeat(32), 'ff'.repeat(32), '0123456789abcdef'.repeat(4), 'fbefbe'.repeat(10) + 'fbef']) {
      const key = apiKeyFrom(hex);
      expect(key).toBe(`drv_${Buffer.from(hex, 'hex').toString('base64url')}`);
      expect(key).toMatch(apiKeyPattern);
    }
  });

  it('shows its first characters only', () => {
    expect(hintOf(apiKeyFrom('ab'.repeat(32)))).toBe('drv_q6urq6');
  });

  it('ends at its moment, or when it is revoked', () => {
    const now = '2026-01-01T00:00:00.000Z';
    expect(endOf({ expiresAt: null, revokedAt: null }, now)).toBeUndefined();
    expect(endOf({ expiresAt: '2026-01-01T00:00:00.001Z', revokedAt: null }, now)).toBeUndefined();
    expect(endOf({ expiresAt: now, revokedAt: null }, now)).toBe('expired');
    expect(endOf({ expiresAt: null, revokedAt: now }, now)).toBe('revoked');
  });
});
