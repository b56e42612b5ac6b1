import { expect, it } from 'vitest';
import { tarHeader, tarPadding } from './tar.js';

const field = (bytes: Buffer, at: number, length: number): string =>
  bytes
    .subarray(at, at + length)
    .toString()
    .replace(/\0.*$/s, '');

it('writes a long path in two parts, and refuses one that fits in none', () => {
  const [folder, name] = ['a'.repeat(90), 'b'.repeat(90)];
  const bytes = tarHeader(`${folder}/${name}`, { mode: 0o644, size: 5 });
  expect([field(bytes, 345, 155), field(bytes, 0, 100), field(bytes, 124, 12)]).toEqual([folder, name, '00000000005']);
  expect(() => tarHeader('c'.repeat(101), { mode: 0o644, size: 0 })).toThrow('too long');
});

it('fills up to whole blocks', () => {
  expect([0, 1, 511, 512, 513].map((size) => tarPadding(size).length)).toEqual([0, 511, 1, 0, 511]);
});
