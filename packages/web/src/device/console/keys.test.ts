import { describe, expect, it } from 'vitest';
import { bytesOfKey, createTyping } from './keys.js';

const key = (name: string, more: { ctrlKey?: boolean; altKey?: boolean; metaKey?: boolean } = {}) => ({
  key: name,
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  ...more,
});

describe('a key', () => {
  it('is what a terminal sends for it', () => {
    expect(bytesOfKey(key('a'), false)).toBe('a');
    expect(bytesOfKey(key('ü'), false)).toBe('ü');
    expect(bytesOfKey(key('Enter'), false)).toBe('\r');
    expect(bytesOfKey(key('ArrowUp'), false)).toBe('\u001b[A');
    expect(bytesOfKey(key('d', { ctrlKey: true }), false)).toBe('\u0004');
  });

  it('is the browser’s where that needs it: to leave, to scroll, to copy and paste', () => {
    for (const name of ['Tab', 'PageUp', 'F5', 'Shift']) expect(bytesOfKey(key(name), false)).toBeUndefined();
    expect(bytesOfKey(key('c', { ctrlKey: true }), true)).toBeUndefined();
    expect(bytesOfKey(key('c', { ctrlKey: true }), false)).toBe('\u0003');
    expect(bytesOfKey(key('v', { ctrlKey: true }), false)).toBeUndefined();
    expect(bytesOfKey(key('r', { metaKey: true }), false)).toBeUndefined();
  });
});

describe('typing', () => {
  it('is sent in order, what comes meanwhile together', async () => {
    const sent: string[] = [];
    let answer: () => void = () => undefined;
    const type = createTyping(
      (text) => {
        sent.push(text);
        return new Promise((resolve) => (answer = resolve));
      },
      () => undefined,
    );
    for (const each of ['l', 's', '\r']) type(each);
    expect(sent).toEqual(['l']);
    answer();
    await expect.poll(() => sent).toEqual(['l', 's\r']);
  });

  it('breaks no character in two, and goes on after a failure', async () => {
    const sent: string[] = [];
    const failures: unknown[] = [];
    const type = createTyping(
      (text) => {
        sent.push(text);
        return sent.length === 2 ? Promise.reject(new Error('gone')) : Promise.resolve();
      },
      (error) => failures.push(error),
    );
    type('🙂'.repeat(1500));
    await expect.poll(() => failures).toHaveLength(1);
    expect(sent.map((text) => Array.from(text).length)).toEqual([1000, 500]);
    type('x');
    await expect.poll(() => sent.at(-1)).toBe('x');
  });
});
