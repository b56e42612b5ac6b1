/**
 * Reads config.txt as the firmware does (vendor pages on config.txt, conditional filters and boot options; wire reference, section 8). Where
 * the vendor's pages are silent the choice is marked [I], as on the reference page.
 */
import { boardTypeOf } from './models.js';
import type { BoardIdentity } from './identity.js';
import type { ConfigEntry } from './types.js';

/** What filters are tested against. */
export interface ConfigContext {
  readonly identity: BoardIdentity;
  readonly tryboot: boolean;
  /** bootcode.bin and the EEPROM's first reading do not follow `include`. */
  readonly followsIncludes: boolean;
  /** Number of the partition that is booted; 0 over a network. */
  readonly partition?: number;
  /** Level of pins; 0 to 8 idle high, the others low. */
  readonly pins?: ReadonlyMap<number, 0 | 1>;
}

export interface ConfigTxt {
  /** Settings that apply to this board, in file order. `initramfs a.gz followkernel` is an entry with key `initramfs`. */
  readonly entries: readonly ConfigEntry[];
  /** Files named by `include` that are not among those handed in. */
  readonly missingIncludes: readonly string[];
}

/** Characters of a line that count; the rest is ignored (vendor page: 98, previously 78). */
export const lineLimit = 98;

const deepestInclude = 8;

/** A file that includes itself many times over would never end; the firmware's memory would. */
const mostLines = 20_000;

/** Bytes up to the first that is not ASCII, or NUL: a report says the firmware reads no further. */
export const asciiPart = (bytes: Buffer): string => {
  const end = bytes.findIndex((byte) => byte === 0 || byte >= 0x80);
  return bytes.subarray(0, end === -1 ? bytes.length : end).toString('latin1');
};

/** Lines as the firmware sees them: cut at the limit, without surrounding white space. */
export const configLines = (bytes: Buffer): string[] =>
  asciiPart(bytes)
    .split(/\r\n|\n|\r/)
    .map((line) => line.slice(0, lineLimit).trim());

type FilterKind = 'model' | 'serial' | 'none' | 'edid' | 'tryboot' | `gpio${number}` | 'expression' | 'unknown';

interface Filter {
  readonly kind: FilterKind;
  readonly passes: boolean;
}

const idlePin = (pin: number): 0 | 1 => (pin <= 8 ? 1 : 0);

const serialPasses = (digits: string, { serial, shortSerial }: BoardIdentity): boolean => {
  const wanted = BigInt(`0x${digits}`);
  return wanted === BigInt(`0x${serial}`) || wanted === BigInt(`0x${shortSerial}`);
};

const compare = (left: number, operator: string, right: number): boolean => {
  if (operator === '=') return left === right;
  if (operator === '<') return left < right;
  if (operator === '>') return left > right;
  return (left & right) !== 0;
};

/** Boot variables: the partition, which a network boot has none of; arguments are zero [I]. */
const expressionFilter = (text: string, partition: number): Filter | undefined => {
  const match = /^(partition|boot_partition|boot_arg1|bootarg0|bootvar0)([=<>&])(0x[0-9a-f]{1,8}|\d{1,10})$/.exec(text);
  if (match === null) return undefined;
  const value = match[1]?.endsWith('partition') === true ? partition : 0;
  return { kind: 'expression', passes: compare(value, match[2] ?? '=', Number(match[3])) };
};

const valueFilter = (text: string, context: ConfigContext): Filter | undefined => {
  const board = /^board-type=(0x[0-9a-f]{1,4}|\d{1,5})$/.exec(text);
  if (board !== null) return { kind: 'model', passes: Number(board[1]) === boardTypeOf(context.identity.revision) };
  const serial = /^0x([0-9a-f]{1,16})$/.exec(text);
  if (serial?.[1] !== undefined) return { kind: 'serial', passes: serialPasses(serial[1], context.identity) };
  const gpio = /^gpio(\d{1,2})=([01])$/.exec(text);
  if (gpio === null) return expressionFilter(text, context.partition ?? 0);
  const pin = Number(gpio[1]);
  return { kind: `gpio${pin}`, passes: (context.pins?.get(pin) ?? idlePin(pin)) === Number(gpio[2]) };
};

/** One `[filter]`. `[HDMI:n]` only directs display settings, so it changes nothing here. Undefined for it and for `[all]`. */
const readFilter = (text: string, context: ConfigContext): Filter | undefined => {
  if (text.startsWith('hdmi:')) return undefined;
  if (text === 'none') return { kind: 'none', passes: false };
  if (text === 'tryboot') return { kind: 'tryboot', passes: context.tryboot };
  if (text.startsWith('edid=')) return { kind: 'edid', passes: false };
  if (/^(pi|cm)\d[0-9a-z+]*$/.test(text))
    return { kind: 'model', passes: context.identity.model.filters.includes(text) };
  // A filter the firmware does not know hides what follows it until [all] [I].
  return valueFilter(text, context) ?? { kind: 'unknown', passes: false };
};

/** Filters in force, one of each kind: a second of the same kind replaces the first. */
const createFilters = (context: ConfigContext) => {
  const active = new Map<FilterKind, boolean>();
  return {
    apply: (line: string): void => {
      const text = line.slice(1, -1).trim().toLowerCase();
      if (text === 'all') return active.clear();
      const filter = readFilter(text, context);
      if (filter !== undefined) active.set(filter.kind, filter.passes);
    },
    open: (): boolean => [...active.values()].every((passes) => passes),
  };
};

/** `key=value`, or one of the two settings written without `=`. */
const readEntry = (line: string): ConfigEntry | undefined => {
  const spaced = /^(initramfs|include)\s+(\S.*)$/.exec(line);
  if (spaced?.[1] !== undefined && spaced[2] !== undefined) return { key: spaced[1], value: spaced[2].trim() };
  const equals = line.indexOf('=');
  const key = line.slice(0, Math.max(equals, 0)).trim();
  // Written with `=`, these two are not the settings they look like.
  if (key === '' || key === 'initramfs' || key === 'include') return undefined;
  return { key, value: line.slice(equals + 1).trim() };
};

/**
 * Reads config.txt for one board. Pure: what `include` names must be handed in; names that are missing are reported so that the caller can
 * fetch them and read again.
 */
export const readConfig = (
  bytes: Buffer,
  context: ConfigContext,
  includes: ReadonlyMap<string, Buffer> = new Map(),
): ConfigTxt => {
  const entries: ConfigEntry[] = [];
  const missing = new Set<string>();
  const filters = createFilters(context);
  let lines = 0;
  const readFile = (content: Buffer, depth: number): void => {
    for (const line of configLines(content)) {
      lines += 1;
      if (lines > mostLines) return;
      readLine(line, depth);
    }
  };
  const readLine = (line: string, depth: number): void => {
    if (line === '' || line.startsWith('#')) return;
    if (line.startsWith('[') && line.endsWith(']')) return filters.apply(line);
    const entry = filters.open() ? readEntry(line) : undefined;
    if (entry === undefined) return;
    if (entry.key !== 'include') entries.push(entry);
    else if (context.followsIncludes && depth < deepestInclude) include(entry.value, depth);
  };
  const include = (name: string, depth: number): void => {
    const content = includes.get(name);
    if (content === undefined) missing.add(name);
    else readFile(content, depth + 1);
  };
  readFile(bytes, 0);
  return { entries, missingIncludes: [...missing] };
};

/** The last value of a setting; a later line outranks an earlier one. */
export const settingOf = (config: readonly ConfigEntry[], key: string): string | undefined =>
  config.findLast((entry) => entry.key === key)?.value;

/** A setting as a whole number (decimal or 0x), or undefined when absent or not one. */
export const numberSetting = (config: readonly ConfigEntry[], key: string): number | undefined => {
  const value = settingOf(config, key);
  return value !== undefined && /^(0x[0-9a-fA-F]+|\d+)$/.test(value) ? Number(value) : undefined;
};

/** Every value of a setting that may be repeated, in order. */
export const settingsOf = (config: readonly ConfigEntry[], key: string): string[] =>
  config.filter((entry) => entry.key === key).map((entry) => entry.value);
