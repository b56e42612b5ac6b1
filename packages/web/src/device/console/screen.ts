/** What a serial line shows, as lines of text: enough of a terminal for logs, boot loaders and shells, not for programs that draw a whole screen. */
export interface Screen {
  push(text: string): void;
  clear(): void;
  /** The last lines, and the column of the cursor in the last one. */
  view(): ScreenView;
}

export interface ScreenView {
  readonly lines: readonly string[];
  readonly column: number;
}

/** Lines that are kept. */
const mostLines = 2000;
/** A line without an end is broken here. */
const mostColumns = 1000;

type Mode = 'text' | 'escape' | 'control' | 'string';

/** ECMA-48: what a control sequence does to the line the cursor is in. */
const edit = (line: string, column: number, final: string, count: number): { line: string; column: number } => {
  const n = Math.min(Math.max(1, count), mostColumns);
  switch (final) {
    case 'C':
      return { line, column: Math.min(column + n, mostColumns - 1) };
    case 'D':
      return { line, column: Math.max(0, column - n) };
    case 'G':
      return { line, column: n - 1 };
    case 'K':
      if (count === 1) return { line: ' '.repeat(column) + line.slice(column), column };
      return count === 2 ? { line: '', column } : { line: line.slice(0, column), column };
    case 'P':
      return { line: line.slice(0, column) + line.slice(column + n), column };
    case '@':
      return { line: line.slice(0, column) + ' '.repeat(n) + line.slice(column), column };
    default:
      return { line, column };
  }
};

export const createScreen = (): Screen => {
  let done: string[] = [];
  let line = '';
  let column = 0;
  let mode: Mode = 'text';
  let parameters = '';

  const endLine = (): void => {
    done.push(line.trimEnd());
    if (done.length > mostLines * 1.5) done = done.slice(-mostLines);
    [line, column] = ['', 0];
  };
  const put = (character: string): void => {
    if (column >= mostColumns) endLine();
    line = line.padEnd(column).slice(0, column) + character + line.slice(column + 1);
    column += 1;
  };
  const control = (character: string): void => {
    if (character === '\n') endLine();
    else if (character === '\r') column = 0;
    else if (character === '\b') column = Math.max(0, column - 1);
    else if (character === '\t') column = Math.min((Math.floor(column / 8) + 1) * 8, mostColumns - 1);
    else if (character === '\u001b') mode = 'escape';
  };
  const sequence = (character: string): void => {
    if (/[0-9;?<=>!" ]/.test(character)) {
      parameters = (parameters + character).slice(0, 32);
      return;
    }
    mode = 'text';
    // A screen that is cleared begins on a new line: what was seen stays readable above.
    if (character === 'J' && /^[23]$/.test(parameters) && line.trim() !== '') endLine();
    ({ line, column } = edit(line, column, character, Number.parseInt(parameters, 10) || 0));
  };
  const take = (character: string): void => {
    switch (mode) {
      case 'text':
        if (character < ' ' || character === '\u007f') control(character);
        else put(character);
        return;
      case 'escape':
        parameters = '';
        mode = character === '[' ? 'control' : /[\]PX^_]/.test(character) ? 'string' : 'text';
        return;
      case 'control':
        sequence(character);
        return;
      case 'string':
        // Titles and the like, up to their end: BEL, or ESC \.
        if (character === '\u0007') mode = 'text';
        else if (character === '\u001b') mode = 'escape';
    }
  };
  return {
    push: (text) => {
      for (const character of text) take(character);
    },
    clear: () => {
      [done, line, column, mode] = [[], '', 0, 'text'];
    },
    view: () => ({ lines: [...done.slice(-mostLines), line], column }),
  };
};
