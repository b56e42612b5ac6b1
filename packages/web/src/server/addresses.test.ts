import { expect, it } from 'vitest';
import { reachable } from './addresses.js';

it.each([
  ['http://0.0.0.0:8080', 'http://drover.lan:8080'],
  ['https://[::]:8443', 'https://drover.lan:8443'],
  ['http://10.0.0.5:8080', 'http://10.0.0.5:8080'],
  ['http://0.0.0.0.example:80', 'http://0.0.0.0.example:80'],
])('%s is asked at %s by a page of drover.lan', (url, expected) => {
  expect(reachable(url, 'drover.lan')).toBe(expected);
});
