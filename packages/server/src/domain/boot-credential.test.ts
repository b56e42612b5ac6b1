import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  credentialOf,
  isSecret,
  nonceHash,
  nonceOfCredential,
  openedAtOf,
  secretExpiry,
  secretOf,
} from './boot-credential.js';

const key = 'ab'.repeat(32);
const id = 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
const nonce = '0123456789abcdef0123456789abcdef';

describe('session credentials', () => {
  it('derives the secret from the key and the id alone', () => {
    const wanted = createHmac('sha256', Buffer.from(key, 'hex')).update(`secret:${id}`).digest('hex').slice(0, 32);
    expect(secretOf(key, id)).toBe(wanted);
    expect(isSecret(key, id, wanted)).toBe(true);
  });

  it('refuses every other secret', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(text !== secretOf(key, id));
        expect(isSecret(key, id, text)).toBe(false);
      }),
    );
  });

  it('takes a credential only with its own session, nonce and key', () => {
    const credential = credentialOf(key, id, nonce);
    expect(nonceOfCredential(key, id, credential)).toBe(nonce);
    expect(nonceOfCredential(key, id.replace('N', 'P'), credential)).toBeUndefined();
    expect(nonceOfCredential('cd'.repeat(32), id, credential)).toBeUndefined();
    expect(nonceOfCredential(key, id, credential.replace('0123', '1123'))).toBeUndefined();
    expect(nonceOfCredential(key, id, `${credential} `)).toBeUndefined();
  });

  it('stores no nonce, only its digest', () => {
    expect(nonceHash(nonce)).toMatch(/^[0-9a-f]{64}$/);
    expect(nonceHash(nonce)).not.toContain(nonce);
  });
});

describe('the time in a session id', () => {
  it('is read back', () => {
    // The ULID specification's own example: 01ARZ3NDEK is 1469922850259.
    expect(openedAtOf('bs_01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe(1469922850259);
    expect(secretExpiry(1000, 600)).toBe(601_000);
  });

  it('is not read from anything else', () => {
    for (const text of ['', 'bs_', 'dev_01ARZ3NDEKTSV4RRFFQ69G5FAV', 'bs_81ARZ3NDEKTSV4RRFFQ69G5FAV', `${id}0`]) {
      expect(openedAtOf(text)).toBeUndefined();
    }
  });
});
