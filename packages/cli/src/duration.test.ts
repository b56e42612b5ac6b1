import { describe, expect, it } from 'vitest';
import { secondsOf } from './duration.js';

describe('a duration', () => {
  it.each([
    ['45s', 45],
    ['30m', 1800],
    ['4h', 14_400],
    ['7d', 604_800],
    ['2w', 1_209_600],
  ])('%s is %i seconds', (text, seconds) => expect(secondsOf('--ttl', text)).toBe(seconds));

  it.each(['', '4', 'h', '0h', '-4h', '4 h', '1.5h', '4y', '1e3s'])('"%s" is refused with the option', (text) => {
    expect(() => secondsOf('--ttl', text)).toThrow(`--ttl ${text} is no time`);
  });
});
