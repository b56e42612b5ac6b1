import { describe, expect, it } from 'vitest';
import { yamlExcess } from './yaml-bounds.js';
import { parseYamlFile } from './yaml-file.js';

describe('a YAML document that would take the stack', () => {
  it.each([
    ['[', '['.repeat(5000)],
    ['{a: ', '{a: '.repeat(5000)],
    ['- ', `${'- '.repeat(5000)}a`],
    ['? ', `${'? '.repeat(5000)}a`],
    ['columns', Array.from({ length: 400 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n')],
  ])('of %s is refused before it is parsed', (_, text) => {
    expect(yamlExcess(text)).toBe('is nested too deeply');
    const purpose = { holds: 'settings', page: 'page.md', otherwise: '' };
    expect(parseYamlFile('a.yaml', text, purpose)).toMatchObject({
      ok: false,
      problems: [{ origin: 'a.yaml:1', message: 'is nested too deeply' }],
    });
  });

  it('of aliases is refused', () => {
    const chain = Array.from({ length: 200 }, (_, n) => `a${n}: &a${n} [${n === 0 ? '' : `*a${n - 1}`}]`).join('\n');
    expect(yamlExcess(chain)).toBe('has more than 100 aliases');
  });

  it.each([
    ['of many lines', '- a: [b, {c: d}]\n  e: "[[["\n'.repeat(2000)],
    [
      'with brackets in texts',
      `a: |\n${'  [[[ {{{ - - -\n'.repeat(100)}b: "${'['.repeat(500)}"\nc: x${'['.repeat(500)}\n`,
    ],
    ['with far columns in a text', `a: |\n${' '.repeat(400)}x\n`],
    ['with stars', `a: "${'*'.repeat(500)}"\n${'- b*c *\n'.repeat(200)}`],
    ['that nests as people do', Array.from({ length: 30 }, (_, depth) => `${'  '.repeat(depth)}a:`).join('\n')],
  ])('is not one %s', (_, text) => {
    expect(yamlExcess(text)).toBeUndefined();
  });
});
