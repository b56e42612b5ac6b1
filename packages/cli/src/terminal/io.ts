/** Where a command writes and what it may assume of it. */
export interface Io {
  /** Results: on standard output. */
  readonly out: (text: string) => void;
  /** Progress, hints and errors: on standard error, so that results can be piped. */
  readonly err: (text: string) => void;
  /** Standard output is a terminal: tables with headers. */
  readonly isTerminal: boolean;
  /** Standard error is a terminal: progress on one line. */
  readonly isLive: boolean;
  readonly color: boolean;
  readonly columns: number;
  /** Lines of the terminal, as they are now. */
  readonly rows: () => number;
}

/** A terminal that does not know its size says 0. */
const sizeOr = (size: number | undefined, otherwise: number): number =>
  size === undefined || size === 0 ? otherwise : size;

/** @param dumb the terminal knows no control sequences (TERM=dumb): everything is plain lines there */
export const processIo = (color: boolean, dumb = false): Io => ({
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  isTerminal: process.stdout.isTTY === true && !dumb,
  isLive: process.stderr.isTTY === true && !dumb,
  color: color && process.stdout.isTTY === true,
  columns: sizeOr(process.stdout.columns, 100),
  rows: () => sizeOr(process.stdout.rows, 24),
});

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Style = keyof typeof codes;

/** Text in a colour where colours are wanted. */
export const paint = ({ color }: Pick<Io, 'color'>, style: Style, text: string): string =>
  color ? `\u001b[${codes[style]}m${text}\u001b[0m` : text;
