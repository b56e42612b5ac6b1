import { expect, it } from 'vitest';
import { freeVersion, nameFrom } from './names.js';

it.each([
  ['2026-10-01-raspios-lite.img.xz', 'raspios-lite', '2026-10-01'],
  ['My Image (final).IMG', 'my-image-final', '1'],
  ['https://example.org/a/b/os.img.zst?token=x#y', 'os', '1'],
  ['.img', 'image', '1'],
  [`${'a'.repeat(62)}--b.img`, 'a'.repeat(62), '1'],
])('%s is %s %s', (file, name, version) => {
  expect(nameFrom(file)).toEqual({ name, version });
});

it('a version that is taken gets the next that is free', () => {
  expect(freeVersion('1', new Set())).toBe('1');
  expect(freeVersion('1', new Set(['1', '2']))).toBe('3');
  expect(freeVersion('2026-10-01', new Set(['2026-10-01']))).toBe('2026-10-01-2');
});
