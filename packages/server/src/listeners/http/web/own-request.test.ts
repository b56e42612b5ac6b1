import { describe, expect, it } from 'vitest';
import { refuseForeign, type RequestOrigin } from './own-request.js';

const host = 'drover.example:8080';
const ask = (headers: Record<string, string>, more: Partial<RequestOrigin> = {}) =>
  refuseForeign({ method: 'POST', headers, host, publicUrl: undefined, ...more })?.code ?? 'taken';
const ui = { 'x-drover-ui': '1' };

describe('a change that rides on the session cookie', () => {
  it.each([
    ['of a page of ours', { ...ui, 'sec-fetch-site': 'same-origin' }, 'taken'],
    ['of a page of ours, over plain HTTP', { ...ui, origin: 'http://drover.example:8080' }, 'taken'],
    ['without the header that forms cannot send', { 'sec-fetch-site': 'same-origin' }, 'auth.forbidden'],
    ['of another site', { ...ui, 'sec-fetch-site': 'cross-site' }, 'auth.forbidden'],
    ['of another port of this machine', { ...ui, 'sec-fetch-site': 'same-site' }, 'auth.forbidden'],
    ['typed in by hand', { ...ui, 'sec-fetch-site': 'none' }, 'auth.forbidden'],
    ['that says another origin', { ...ui, origin: 'http://evil.example' }, 'auth.forbidden'],
    ['of another port', { ...ui, origin: 'http://drover.example:8081' }, 'auth.forbidden'],
    ['of a page without an origin', { ...ui, origin: 'null' }, 'auth.forbidden'],
    ['that says nothing of where it is from', ui, 'auth.forbidden'],
    [
      'whose browser says cross-site, whatever its Origin',
      { ...ui, 'sec-fetch-site': 'cross-site', origin: 'http://drover.example:8080' },
      'auth.forbidden',
    ],
  ])('%s', (_what, headers, expected) => {
    expect(ask(headers)).toBe(expected);
  });

  it('may come by the public address of the settings', () => {
    expect(ask({ ...ui, origin: 'https://pis.example' }, { publicUrl: 'https://pis.example/' })).toBe('taken');
  });
});

it('reading is always allowed', () => {
  expect(ask({}, { method: 'GET' })).toBe('taken');
  expect(ask({ 'sec-fetch-site': 'cross-site' }, { method: 'HEAD' })).toBe('taken');
});
