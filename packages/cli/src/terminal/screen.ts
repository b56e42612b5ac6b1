import type { Io } from './io.js';

/** A picture that is drawn in its place on a terminal, and stays behind when it is closed. */
export interface Screen {
  /** As much of the text as there is room for, and a note below. */
  draw(text: string, note?: string): void;
  /** Gives the terminal back, with the whole text on it. */
  close(text: string): void;
}

/** xterm's alternate screen, lines that are cut instead of wrapped (DECAWM), and the cursor out of sight (DECTCEM). */
const enter = '\u001b[?1049h\u001b[?7l\u001b[?25l';
const leave = '\u001b[?25h\u001b[?7h\u001b[?1049l';
const home = '\u001b[H';
const restOfLine = '\u001b[K';
const restOfScreen = '\u001b[J';

export function createScreen(io: Pick<Io, 'out' | 'rows'>): Screen {
  io.out(enter);
  return {
    draw: (text, note = '') => {
      const lines = text.replace(/\n$/, '').split('\n');
      const rows = Math.max(2, io.rows()) - 1;
      const hidden = lines.length - rows;
      const below = note !== '' ? note : hidden > 0 ? `${hidden} more below; Ctrl-C ends and shows all` : 'Ctrl-C ends';
      const shown = lines.slice(0, rows).map((line) => `${line}${restOfLine}\r\n`);
      io.out(`${home}${shown.join('')}${restOfScreen}${below}${restOfLine}`);
    },
    close: (text) => io.out(`${leave}${text}`),
  };
}
