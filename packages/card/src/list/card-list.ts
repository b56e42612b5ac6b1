import { refusal, RefusedError } from '@drover/contract';
import { CsvError, parse } from 'csv-parse/sync';

/** Columns of a list of cards. */
export const cardColumns = [
  'device',
  'hostname',
  'server',
  'key-file',
  'address',
  'gateway',
  'dns',
  'vlan',
  'wifi-ssid',
  'wifi-password',
  'wifi-password-file',
  'wifi-country',
] as const;
export type CardColumn = (typeof cardColumns)[number];

/** One card of a list; an empty cell is as if there were no such column. */
export interface CardRow {
  /** Where it is in the file, from 1. */
  readonly line: number;
  readonly cells: Readonly<Partial<Record<CardColumn, string>>>;
}

const mostCards = 10_000;

const bad = (field: string, message: string, remedy: string): RefusedError =>
  new RefusedError(
    refusal('request.invalid', `The list of cards: ${field} ${message}.`, {
      remedy,
      errors: [{ field, message, remedy }],
    }),
  );

const isColumn = (name: string): name is CardColumn => (cardColumns as readonly string[]).includes(name);

function requireColumns(names: readonly string[]): void {
  const known = `There are: ${cardColumns.join(', ')}.`;
  for (const [index, name] of names.entries()) {
    if (!isColumn(name))
      throw bad(`line 1, column ${index + 1}`, `is named ${JSON.stringify(name)}, which is none`, known);
    if (names.indexOf(name) !== index) throw bad(`line 1, column ${index + 1}`, `is named ${name} again`, known);
  }
}

interface Parsed {
  readonly record: string[];
  readonly info: { readonly lines: number };
}

/** In our words: those of the parser quote the cell, which may be a password. */
const csvFaults: Readonly<Record<string, string>> = {
  CSV_RECORD_INCONSISTENT_FIELDS_LENGTH: 'does not have as many cells as there are columns',
  CSV_QUOTE_NOT_CLOSED: 'begins a quote that does not end',
};

function readCsv(text: string): Parsed[] {
  try {
    return parse(text, { bom: true, info: true, skip_empty_lines: true, trim: true }) as unknown as Parsed[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = typeof error['lines'] === 'number' ? error['lines'] : 1;
    const fault = csvFaults[error.code] ?? 'has a quote in the middle of a cell';
    throw bad(`line ${line}`, fault, 'Write it as spreadsheets save CSV (RFC 4180), with commas.');
  }
}

/** Two cards of one name would be two boards of one name. An address may be there again in another VLAN. */
function requireApart(rows: readonly CardRow[], column: CardColumn): void {
  const seen = new Map<string, number>();
  for (const { line, cells } of rows) {
    const value = cells[column];
    if (value === undefined) continue;
    const key = column === 'address' ? `${value} ${cells.vlan ?? ''}` : value;
    const before = seen.get(key);
    if (before !== undefined)
      throw bad(`line ${line}, column ${column}`, `is ${value}, as in line ${before}`, 'Give each card its own.');
    seen.set(key, line);
  }
}

/** Reads a list of cards (RFC 4180) whose first line names the columns. Throws RefusedError with line and column. */
export function parseCardList(text: string): CardRow[] {
  const [header, ...records] = readCsv(text);
  if (header === undefined || records.length === 0)
    throw bad(
      'line 2',
      'is not there: no card is named',
      'Write the names of the columns, and below them a line for each card.',
    );
  if (records.length > mostCards)
    throw bad(`line ${mostCards + 2}`, 'is one too many', `Name ${mostCards} cards at most.`);
  requireColumns(header.record);
  const names = header.record as CardColumn[];
  const rows = records.map(({ record, info }) => {
    const filled = record.map((cell, index) => [names[index] as CardColumn, cell] as const);
    return { line: info.lines, cells: Object.fromEntries(filled.filter(([, cell]) => cell !== '')) };
  });
  requireApart(rows, 'device');
  requireApart(rows, 'hostname');
  requireApart(rows, 'address');
  return rows;
}

/** What a card of a list is called in messages and file names. */
export const cardName = ({ line, cells }: CardRow): string => cells.hostname ?? cells.device ?? `card-${line - 1}`;
