import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds, soak } from '../../test/support/fuzz.js';
import { normaliseTftpPath } from './path.js';

describe('request paths', () => {
  it.each([
    ['start4.elf', 'start4.elf'],
    ['/start4.elf', 'start4.elf'],
    ['91cdf03d/overlays/overlay_map.dtb', '91cdf03d/overlays/overlay_map.dtb'],
    ['dc-a6-32-01-36-c2//./config.txt', 'dc-a6-32-01-36-c2/config.txt'],
    ['a..b/...', 'a..b/...'],
  ])('%s is %s', (raw, path) => {
    expect(normaliseTftpPath(raw)).toEqual({ ok: true, path });
  });

  it.each([
    '',
    '/',
    '.',
    '..',
    '../etc/passwd',
    'a/../../b',
    'a/..',
    '//etc/passwd',
    'a\\..\\b',
    'folder/',
    'caf\u00e9',
    'a\nb',
    'a'.repeat(256),
  ])('refuses %j as an access violation', (raw) => {
    expect(normaliseTftpPath(raw)).toMatchObject({ ok: false, code: 2 });
  });

  it('never leaves its root, whatever is asked', soak, () => {
    const piece = fc.constantFrom('..', '.', '/', '//', '\\', 'a', '\0', '\u00e9', '%2e%2e', '~', ' ');
    holds('protocols/tftp paths', 3000, fc.array(piece, { maxLength: 12 }), (pieces) => {
      const answer = normaliseTftpPath(pieces.join(''));
      if (!answer.ok) return;
      const segments = answer.path.split('/');
      expect(segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..')).toBe(true);
      expect(answer.path).toMatch(/^[\x20-\x7e]+$/);
      expect(normaliseTftpPath(answer.path)).toEqual(answer);
    });
  });
});
