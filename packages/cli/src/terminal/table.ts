import { paint, type Io } from './io.js';
import { safeText } from './format.js';

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string | number | null | undefined;
  /** Numbers. */
  readonly right?: boolean;
}

const cellText = (value: string | number | null | undefined): string =>
  value === null || value === undefined || value === '' ? '-' : safeText(String(value)).replaceAll('\n', ' ');

/**
 * Rows for people: aligned, with titles. Where standard output is no terminal: one line a row, columns separated by tabs, no titles, nothing
 * cut, so that `cut` and `while read` work.
 */
export const tableText = <T>(io: Io, columns: readonly Column<T>[], rows: readonly T[]): string => {
  const cells = rows.map((row) => columns.map((column) => cellText(column.value(row))));
  if (!io.isTerminal) return cells.map((row) => `${row.join('\t')}\n`).join('');
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((text, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.right === true ? text.padStart(width) : text.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const title = paint(io, 'bold', line(columns.map((column) => column.title)));
  return [title, ...cells.map(line)].map((text) => `${text}\n`).join('');
};

/** `name  value` lines for one thing. */
export const factsText = (
  io: Io,
  facts: readonly (readonly [name: string, value: string | number | null | undefined])[],
): string => {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts
    .map(([name, value]) =>
      io.isTerminal ? `${paint(io, 'dim', name.padEnd(width))}  ${cellText(value)}\n` : `${name}\t${cellText(value)}\n`,
    )
    .join('');
};
