import { describe, expect, it } from 'vitest';
import type { Io } from './terminal/io.js';
import { createScreen } from './terminal/screen.js';

/** What a terminal of some rows shows after the text, as xterm would: control sequences carried out. */
function terminal(rows: number) {
  let written = '';
  const io: Pick<Io, 'out' | 'rows'> = { out: (text) => (written += text), rows: () => rows };
  const sequence = new RegExp(`${String.fromCharCode(27)}\\[[?0-9;]*[a-zA-Z]`, 'g');
  return {
    io,
    last: () =>
      written
        .slice(written.lastIndexOf('[H') + 2)
        .replaceAll(sequence, '')
        .split('\r\n'),
    written: () => written,
  };
}

describe('a picture drawn in its place', () => {
  it('is cut to the rows there are, and says so', () => {
    const { io, last } = terminal(4);
    const screen = createScreen(io);
    screen.draw('a\nb\n');
    expect(last()).toEqual(['a', 'b', 'Ctrl-C ends']);
    screen.draw('a\nb\nc\nd\ne\n');
    expect(last()).toEqual(['a', 'b', 'c', '2 more below; Ctrl-C ends and shows all']);
    screen.draw('a\n', 'The server cannot be reached; trying again.');
    expect(last()).toEqual(['a', 'The server cannot be reached; trying again.']);
  });

  it('leaves the whole of it behind, on the terminal as it was', () => {
    const { io, written } = terminal(3);
    const screen = createScreen(io);
    screen.draw('a\nb\nc\nd\n');
    screen.close('a\nb\nc\nd\n');
    expect(written()).toContain('[?1049h');
    expect(written()).toMatch(/\[\?25h.*\[\?7h.*\[\?1049la\nb\nc\nd\n$/);
  });
});
