import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBoardTools, type BoardTools } from '../support/board-tools.js';

let tools: BoardTools;
let file: string;
beforeAll(() => {
  tools = createBoardTools();
  mkdirSync(tools.at('card'));
  file = tools.at('card/boot.txt');
});
afterAll(() => tools.dispose());
beforeEach(() => writeFileSync(file, ''));

const pointer = (...args: string[]) => tools.run('pointer', ...args);

describe('the pointer of a card', () => {
  it('is made, read, and overwritten in its place', () => {
    expect(pointer('--make', file, 'a')).toEqual({ code: 0, stdout: '', stderr: '' });
    const before = statSync(file);
    expect(pointer(file)).toMatchObject({ code: 0, stdout: 'a' });
    expect(pointer(file, 'b')).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(pointer(file)).toMatchObject({ code: 0, stdout: 'b' });
    expect(statSync(file)).toMatchObject({ ino: before.ino, size: 512 });
  });

  it('is two lines for the firmware, and comments of which it reads each to its end', () => {
    pointer('--make', file, 'a');
    const lines = readFileSync(file, 'latin1').split('\n');
    expect(lines.slice(0, 2)).toEqual(['os_prefix=drover/a/', 'include drover/a/config.txt']);
    expect(lines.at(-1)).toBe('');
    for (const line of lines.slice(2, -1)) expect(line).toMatch(/^#+$/);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(98);
  });

  it.each([
    ['of another size', 'x'.repeat(300), 'has 300 bytes and not 512'],
    ['of nothing', '', 'has 0 bytes and not 512'],
  ])('%s is not overwritten', (_name, content, why) => {
    writeFileSync(file, content);
    expect(pointer(file, 'b')).toMatchObject({ code: 1, stderr: expect.stringContaining(why) as string });
    expect(readFileSync(file, 'latin1')).toBe(content);
  });

  it('is made anew of one that was cut off, and of none that is longer', () => {
    writeFileSync(file, 'os_prefix=dro');
    expect(pointer('--make', file, 'b').code).toBe(0);
    expect(pointer(file).stdout).toBe('b');
    writeFileSync(file, 'x'.repeat(600));
    expect(pointer('--make', file, 'b')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('600 bytes') as string,
    });
  });

  it('says what is wrong', () => {
    pointer('--make', file, 'a');
    writeFileSync(file, readFileSync(file, 'latin1').replace('drover/a/config', 'drover/b/config'));
    expect(pointer(file)).toMatchObject({ code: 1, stderr: `${file} points at no set` });
    expect(pointer(file, 'c')).toMatchObject({ code: 1, stderr: 'there is no set c: name a or b' });
    expect(pointer(tools.at('card'), 'a')).toMatchObject({ code: 1, stderr: `${tools.at('card')} is no file` });
    expect(pointer(tools.at('none'), 'a')).toMatchObject({ code: 1, stderr: `${tools.at('none')} is no file` });
    symlinkSync(file, tools.at('link'));
    expect(pointer(tools.at('link'), 'a')).toMatchObject({ code: 1, stderr: `${tools.at('link')} is no file` });
    expect(pointer()).toMatchObject({ code: 1, stderr: expect.stringContaining('usage: ') as string });
  });
});
