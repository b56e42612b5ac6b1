import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { publicKeyFile, publicKeyLine, signMessage, verifyMessage, type SigningKey } from './signify.js';

const newKey = (number: string): SigningKey => {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return { number, d, x };
};
const key = newKey('0123456789abcdef');
const signed = signMessage(key, 'a server', 'card=1\ndevice=x\n');

describe('a public key', () => {
  it('is a comment, and 42 bytes that begin with the algorithm and the number', () => {
    const [comment, line = '', end] = publicKeyFile(key, 'a server').split('\n');
    expect([comment, end]).toEqual(['untrusted comment: a server', '']);
    expect(line).toBe(publicKeyLine(key));
    const bytes = Buffer.from(line, 'base64');
    expect(bytes.length).toBe(42);
    expect(bytes.toString('latin1', 0, 2)).toBe('Ed');
    expect(bytes.toString('hex', 2, 10)).toBe('0123456789abcdef');
  });
});

describe('a signed message', () => {
  it('is the message behind its signature', () => {
    expect(signed.split('\n').slice(2).join('\n')).toBe('card=1\ndevice=x\n');
    expect(verifyMessage(key, signed)).toBe('card=1\ndevice=x\n');
  });

  it('does not depend on its comment', () => {
    expect(verifyMessage(key, signed.replace('a server', 'somebody'))).toBe('card=1\ndevice=x\n');
  });

  it.each([
    ['changed', signed.replace('device=x', 'device=y')],
    ['longer', `${signed}more=1\n`],
    ['cut', signed.slice(0, -1)],
    ['without a comment', signed.slice(signed.indexOf('\n') + 1)],
    ['with a signature that is none', signed.replace(/\n[^\n]*\n/, '\nRWQ=\n')],
    ['empty', ''],
  ])('is refused when it is %s', (_what, text) => {
    expect(verifyMessage(key, text)).toBeUndefined();
  });

  it('is refused when another key signed it, also under the same number', () => {
    expect(verifyMessage(newKey('0123456789abcdef'), signed)).toBeUndefined();
    expect(verifyMessage({ ...key, number: '0000000000000000' }, signed)).toBeUndefined();
  });
});
