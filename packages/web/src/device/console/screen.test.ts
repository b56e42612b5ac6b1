import { describe, expect, it } from 'vitest';
import { createScreen } from './screen.js';

const shown = (...pieces: string[]): string[] => {
  const screen = createScreen();
  for (const piece of pieces) screen.push(piece);
  return [...screen.view().lines];
};

describe('a serial line as text', () => {
  it('is lines, whatever ends them', () => {
    expect(shown('Starting kernel ...\r\n\r\nlogin: ')).toEqual(['Starting kernel ...', '', 'login: ']);
  });

  it('is written over from the beginning of a line', () => {
    expect(shown('10%\r20%\r100%\n')).toEqual(['100%', '']);
    expect(shown('abc\b\bX')).toEqual(['aXc']);
  });

  it('shows what a shell makes of keys', () => {
    expect(shown('$ lss\b\u001b[K -l')).toEqual(['$ ls -l']);
    expect(shown('$ ac\b\u001b[1@b')).toEqual(['$ abc']);
    expect(shown('$ abbc\u001b[2D\u001b[P')).toEqual(['$ abc']);
    expect(shown('a\tb')).toEqual(['a       b']);
  });

  it('has no colours, titles and other controls in it, also where they come in pieces', () => {
    expect(shown('\u001b[1;32mpi@sign-17\u001b[0m:\u001b]0;title\u0007~$ ')).toEqual(['pi@sign-17:~$ ']);
    expect(shown('a\u001b', '[3', '1mb\u001b]2;x', 'y\u001b', '\\c')).toEqual(['abc']);
    expect(shown('\u001b[?2004hready\u0000\u0007')).toEqual(['ready']);
  });

  it('keeps above what was there before a screen is cleared', () => {
    expect(shown('menu\u001b[2J\u001b[Hnext')).toEqual(['menu', 'next']);
  });

  it('says where the cursor is', () => {
    const screen = createScreen();
    screen.push('login: root\u001b[2D');
    expect(screen.view().column).toBe(9);
  });

  it('keeps the last lines only, and no line without an end', () => {
    const lines = shown(Array.from({ length: 5000 }, (_, index) => `line ${index}\n`).join(''));
    expect(lines).toHaveLength(2001);
    expect(lines.at(-2)).toBe('line 4999');
    expect(Math.max(...shown('x'.repeat(2500)).map(({ length }) => length))).toBe(1000);
    expect(shown('\u001b[99999999C!')[0]?.length).toBeLessThanOrEqual(1000);
  });

  it('begins anew when it is cleared by us', () => {
    const screen = createScreen();
    screen.push('old\u001b');
    screen.clear();
    screen.push('new');
    expect(screen.view()).toEqual({ lines: ['new'], column: 3 });
  });
});
