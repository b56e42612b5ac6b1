import type { Environment } from './environment.js';
import type { LiveSource } from './live.js';
import type { Io } from './terminal/io.js';

/** Options as commander hands them over: text, flags, and lists where an option may be repeated. */
export type OptionValues = Readonly<Record<string, unknown>>;

/** What a command's work gets. */
export interface Cli {
  readonly io: Io;
  readonly environment: Environment;
  /** Of the command and those that every command has. */
  readonly options: OptionValues;
  /** `--json`: one JSON document on standard output (one a line for what goes on and on), nothing else. */
  readonly json: boolean;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Every command there is, for completion. */
  readonly table: CommandTable;
}

/** Does the work; a number is the exit code, nothing is 0. Throws DroverError or UsageError. */
export type Action = (cli: Cli, args: readonly string[]) => Promise<number | void>;

/** One command as data: help, completion and tests are made from it. The work is loaded when it is asked for, so that help is quick. */
export interface CommandSpec {
  /** `adopt <device>`: name and arguments as commander writes them. */
  readonly usage: string;
  readonly summary: string;
  /** One or more command lines, without `$`. */
  readonly examples: readonly string[];
  /** `[flags, description]`; `...` behind a value makes it repeatable. */
  readonly options?: readonly (readonly [flags: string, description: string])[];
  /** Can be watched (`--watch`), and what tells that there is news. */
  readonly live?: LiveSource;
  /** For scripts of ours: not in help. */
  readonly hidden?: true;
  readonly load: () => Promise<Action>;
}

/** Commands below one word: `drover device ...`. */
export interface GroupSpec {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly CommandSpec[];
}

export interface CommandTable {
  readonly commands: readonly CommandSpec[];
  readonly groups: readonly GroupSpec[];
}

/** Options every command has. */
export const commonOptions = [
  ['--json', 'JSON on standard output'],
  ['--server <url>', 'server to talk to (or DROVER_SERVER)'],
  ['--key <key>', 'API key (or DROVER_KEY, which other users of this machine cannot see)'],
  ['--context <name>', 'stored server and key to use (or DROVER_CONTEXT)'],
] as const;

/** Of commands that can be watched. */
const watchOption = [
  '--watch',
  'go on as things change: drawn anew on a terminal, appended as lines elsewhere',
] as const;

/** Options of a command: its own, and those that every command has. */
export const optionsOf = ({
  options = [],
  live,
}: Pick<CommandSpec, 'options' | 'live'>): NonNullable<CommandSpec['options']> => [
  ...options,
  ...(live === undefined ? [] : [watchOption]),
  ...commonOptions,
];

/** The caller wrote something that cannot be meant; exit code 2. */
export class UsageError extends Error {
  readonly remedy: string;
  /** @param remedy what to write or do instead */
  constructor(message: string, remedy: string) {
    super(message);
    this.name = 'UsageError';
    this.remedy = remedy;
  }
}

export const textOption = (options: OptionValues, name: string): string | undefined => {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
};

export const listOption = (options: OptionValues, name: string): string[] => {
  const value = options[name];
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
};

export const flagOption = (options: OptionValues, name: string): boolean => options[name] === true;

/** An option as people write it: `--cache-dir` for `cacheDir`. */
export const flagName = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

export const requiredOption = (options: OptionValues, name: string, remedy: string): string => {
  const value = textOption(options, name);
  if (value === undefined) throw new UsageError(`${flagName(name)} is missing`, remedy);
  return value;
};

/** A whole number from `min` on. */
export const numberOption = (options: OptionValues, name: string, min = 1): number | undefined => {
  const value = textOption(options, name);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < min) {
    throw new UsageError(
      `${flagName(name)} ${value} is not a whole number from ${min} on`,
      `Write it like ${flagName(name)} ${Math.max(min, 10)}.`,
    );
  }
  return number;
};

/** A day (its beginning in UTC) or a moment (RFC 3339), as the API wants it. */
export const momentOption = (options: OptionValues, name: string): string | undefined => {
  const value = textOption(options, name);
  if (value === undefined) return undefined;
  const at = /^\d{4}-\d\d-\d\d(T|$)/.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(at))
    throw new UsageError(
      `${flagName(name)} ${value} is no moment`,
      `Write it like ${flagName(name)} 2026-11-01 or ${flagName(name)} 2026-11-01T08:00:00Z.`,
    );
  return new Date(at).toISOString();
};

/** `rack=a` pairs as labels. `rack=` is a label without a value. */
export const labelsOf = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    pairs
      .flatMap((text) => text.split(','))
      .map((pair) => {
        const at = pair.indexOf('=');
        if (at <= 0) throw new UsageError(`${pair} is not a label`, 'Write labels like rack=a.');
        return [pair.slice(0, at), pair.slice(at + 1)];
      }),
  );
