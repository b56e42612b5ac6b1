/**
 * config.txt as the firmware reads it: `key=value` lines below `[filter]` lines, and two directives without `=` (`initramfs file address`,
 * `include file`). Vendor's pages "config.txt" and "Conditional filters"; wire reference section 8.
 */
export interface ConfigLine {
  /** The bytes of the line as they stand, its end included. One character is one byte. */
  readonly raw: string;
  /** Lower case; empty for what is no setting (blank, comment, filter). */
  readonly key: string;
  readonly value: string;
  /** Filters in force, one of each type. */
  readonly filters: readonly string[];
}

const lineEnds = /[^\n]*\n|[^\n]+$/g;

/** Filters of one type replace each other; those of different types add up; [all] takes all of them away. */
const filterType = (filter: string): string => {
  if (/^(pi|cm)[0-9]/.test(filter)) return 'model';
  if (filter === 'none') return 'none';
  if (filter.startsWith('0x')) return 'serial';
  return /^[a-z-]+/.exec(filter)?.[0] ?? filter;
};

const settingOf = (text: string): { key: string; value: string } => {
  const line = text.replace(/^\s+|\s+$/g, '');
  if (line === '' || line.startsWith('#') || line.startsWith('[')) return { key: '', value: '' };
  const directive = /^(initramfs|include)[ \t]+(.*)$/i.exec(line);
  if (directive !== null) return { key: directive[1]!.toLowerCase(), value: directive[2]!.trim() };
  const at = line.indexOf('=');
  if (at < 0) return { key: line.toLowerCase(), value: '' };
  return { key: line.slice(0, at).trim().toLowerCase(), value: line.slice(at + 1).trim() };
};

export function parseConfig(text: string): ConfigLine[] {
  let filters = new Map<string, string>();
  return (text.match(lineEnds) ?? []).map((raw) => {
    const filter = /^\s*\[([^\]\r\n]*)\]/.exec(raw)?.[1]?.trim().toLowerCase();
    if (filter !== undefined) {
      filters = filter === 'all' ? new Map<string, string>() : new Map(filters).set(filterType(filter), filter);
    }
    return { raw, ...settingOf(raw), filters: [...filters.values()] };
  });
}

/** Three-valued: what cannot be known here (a GPIO, a screen, the tryboot flag) is `maybe`. */
export type Truth = 'yes' | 'no' | 'maybe';

/** Who reads the file. `names`: filters that are this model's; undefined when the model is not known. */
export interface ConfigReader {
  readonly names: readonly string[] | undefined;
  /** Low 32 bits of the serial, 8 hex digits. */
  readonly serial: string | null;
}

const judgeFilter = (filter: string, reader: ConfigReader): Truth => {
  if (filter === 'none') return 'no';
  if (filter === 'tryboot') return 'no';
  if (filterType(filter) === 'model') {
    if (reader.names === undefined) return 'maybe';
    return reader.names.includes(filter) ? 'yes' : 'no';
  }
  if (filter.startsWith('0x')) {
    if (reader.serial === null) return 'maybe';
    return Number.parseInt(filter.slice(2), 16) === Number.parseInt(reader.serial, 16) ? 'yes' : 'no';
  }
  return 'maybe';
};

export const applies = (line: ConfigLine, reader: ConfigReader): Truth => {
  const judged = line.filters.map((filter) => judgeFilter(filter, reader));
  if (judged.includes('no')) return 'no';
  return judged.includes('maybe') ? 'maybe' : 'yes';
};

/** A file the settings lead to: `os_prefix` may have any of its values, `include` may bring in others. */
export type ReadText = (path: string) => string | undefined;

/** include= may nest; the firmware stops somewhere too. */
const deepestInclude = 4;

/** Who writes them may be a guest: what is looked through for each boot is bounded. */
const mostFiles = 16;
const mostValues = 64;

/** config.txt and what it includes, each once, by path as written. A file that is not there is left out. */
export function configFiles(read: ReadText): Map<string, ConfigLine[]> {
  const files = new Map<string, ConfigLine[]>();
  const visit = (path: string, depth: number): void => {
    if (files.size >= mostFiles || files.has(path)) return;
    const text = read(path);
    if (text === undefined) return;
    const lines = parseConfig(text);
    files.set(path, lines);
    if (depth === deepestInclude) return;
    for (const { key, value } of lines) if (key === 'include' && value !== '') visit(value, depth + 1);
  };
  visit('config.txt', 0);
  return files;
}

/** Every value a setting may have for this reader, the one that is in force if all `maybe` are false last. */
export function possibleValues(
  files: ReadonlyMap<string, readonly ConfigLine[]>,
  key: string,
  reader: ConfigReader,
): { readonly certain: string | undefined; readonly possible: readonly string[] } {
  const possible: string[] = [];
  let certain: string | undefined;
  for (const line of [...files.values()].flat().filter((each) => each.key === key)) {
    const truth = applies(line, reader);
    if (truth === 'no') continue;
    possible.push(line.value);
    if (truth === 'yes') certain = line.value;
  }
  return { certain, possible: [...new Set(possible)].slice(-mostValues) };
}
