import { describe, expect, it } from 'vitest';
import { fillTemplate, neededNames, parseTemplate } from './power-template.js';

describe('templates of power drivers', () => {
  it('are text and placeholders', () => {
    expect(parseTemplate('http://{{address}}/relay/{{channel=0}}?turn=on')).toEqual([
      'http://',
      { name: 'address', instead: undefined },
      '/relay/',
      { name: 'channel', instead: '0' },
      '?turn=on',
    ]);
    expect(parseTemplate('{"a":{"port":{{port}}}}')).toEqual([
      '{"a":{"port":',
      { name: 'port', instead: undefined },
      '}}',
    ]);
    expect(parseTemplate('')).toEqual([]);
  });

  it.each(['{{', '{{}}', '{{Port}}', '{{ port }}', '{{port}', 'a{{port}}b{{', '{{a b}}', '{{{port}}}'])(
    'that begin what cannot be filled in are none: %s',
    (text) => {
      expect(parseTemplate(text)).toBeUndefined();
    },
  );

  it('are filled in from left to right', () => {
    const seen: string[] = [];
    const text = fillTemplate(parseTemplate('a{{x}}b{{y=2}}c') ?? [], ({ name, instead }, before) => {
      seen.push(before);
      return instead ?? name.toUpperCase();
    });
    expect(text).toBe('aXb2c');
    expect(seen).toEqual(['a', 'aXb']);
  });

  it('need what a board does not have by itself, each name once', () => {
    const parts = ['{{address}}/{{port}}/{{mac}}', '{{port}}{{piId}}{{channel=0}}'].map(
      (text) => parseTemplate(text) ?? [],
    );
    expect(neededNames(parts)).toEqual(['address', 'port']);
  });
});
