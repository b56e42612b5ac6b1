import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern, type Pattern } from './compile.js';

const pattern = (text: string): Pattern => {
  const compiled = compilePattern(text);
  if (!compiled.ok) throw new Error(compiled.message);
  return compiled.pattern;
};

describe('patterns', () => {
  it('find text with its groups, anywhere unless they are anchored', () => {
    const mac = pattern('pxelinux.cfg\\/01-(([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2})');
    expect(mac.groups).toBe(2);
    expect(mac.find('x/pxelinux.cfg/01-dc-a6-32-01-02-03.bak')?.slice(0, 2)).toEqual([
      'pxelinux.cfg/01-dc-a6-32-01-02-03',
      'dc-a6-32-01-02-03',
    ]);
    expect(pattern('^b').find('ab')).toBeUndefined();
    expect(pattern('(?i)^KERNEL(_2712)?\\.img$').find('kernel.IMG')).toEqual(['kernel.IMG', '']);
  });

  it('find the same again and again', () => {
    const found = pattern('(a)(b)?');
    expect([found.find('xa'), found.find('xab'), found.find('xa')]).toEqual([
      ['a', 'a', ''],
      ['ab', 'a', 'b'],
      ['a', 'a', ''],
    ]);
  });

  it.each(['(a', '(?=a)', '(?<=a)b', '(a)\\1', '[z-a]', 'a{1001}', '((a{1,100}){1,100}){1,100}'])(
    'that are none are told with the reason: %s',
    (text) => {
      expect(compilePattern(text)).toMatchObject({ ok: false, message: expect.stringMatching(/^is .{10}/) as string });
    },
  );

  it('are bounded in size', () => {
    expect(compilePattern('(a?){500}b')).toMatchObject({
      ok: false,
      message: expect.stringMatching('too large') as string,
    });
  });

  it.each(['^(a+)+$', '^(a|aa)+$', '^(a*)*$', '^(.*a){12}$', '(a?){100}(a){100}b', '(x+x+)+y'])(
    'take no time that a stranger can choose: %s',
    (text) => {
      const tried = pattern(text);
      const began = performance.now();
      for (const path of [`${'a'.repeat(254)}!`, 'x'.repeat(255)]) tried.find(path);
      // The engine of JavaScript needs longer than the universe is old for the first of them.
      expect(performance.now() - began).toBeLessThan(3000);
    },
  );

  it('find what the engine of JavaScript finds, where both know the pattern', () => {
    const texts = fc.stringMatching(/^[abc/.]{0,12}$/);
    for (const text of ['^a(b*)c', '(a|b)+(c)?', '^([^/]+)/(.+)$', '([abc])\\.([abc])$', '^.*$', '(/)(a?)']) {
      const ours = pattern(text);
      fc.assert(
        fc.property(texts, (path) => {
          const theirs = new RegExp(text).exec(path);
          expect(ours.find(path)).toEqual(theirs === null ? undefined : Array.from(theirs, (group) => group ?? ''));
        }),
      );
    }
  });
});
