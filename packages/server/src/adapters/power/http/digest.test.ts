import { describe, expect, it } from 'vitest';
import { digestAnswer } from './digest.js';

/** RFC 7616, 3.9.1. */
const asked = { method: 'GET', uri: '/dir/index.html' };
const login = { username: 'Mufasa', password: 'Circle of Life' };
const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';
const challenge = (algorithm: string) =>
  `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;

describe('digest authentication', () => {
  it.each([
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
  ])('answers as the example of the RFC, %s', (algorithm, response) => {
    const answer = digestAnswer([challenge(algorithm)], asked, login, cnonce);
    expect(answer).toContain(`response="${response}"`);
    expect(answer).toContain('opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"');
    expect(answer).toContain(`algorithm=${algorithm}, `);
  });

  it('chooses the stronger of two, whether in one header or in two', () => {
    for (const headers of [[challenge('MD5'), challenge('SHA-256')], [`${challenge('MD5')}, ${challenge('SHA-256')}`]])
      expect(digestAnswer(headers, asked, login)).toContain('algorithm=SHA-256');
  });

  it('is not led astray by a challenge of another scheme', () => {
    const answer = digestAnswer([`Basic realm="a", ${challenge('SHA-256')}, Basic realm="b"`], asked, login);
    expect(answer).toContain('realm="http-auth@example.org"');
  });

  it.each([
    'Basic realm="a"',
    'Digest realm="a", nonce="b", algorithm=SHA-256',
    'Digest realm="a", nonce="b", qop="auth", algorithm=SHA-512-256',
    'Digest realm="a", qop="auth", algorithm=SHA-256',
    'Digest',
    '',
  ])('has no answer to %s', (header) => {
    expect(digestAnswer([header], asked, login)).toBeUndefined();
  });

  it('is fresh each time', () => {
    const answers = [1, 2].map(() => digestAnswer([challenge('SHA-256')], asked, login));
    expect(answers[0]).not.toBe(answers[1]);
  });
});
