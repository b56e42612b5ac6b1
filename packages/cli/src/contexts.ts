import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parse, stringify } from 'yaml';
import { UsageError } from './command.js';

export interface Context {
  readonly server: string;
  readonly key: string;
}

/** `~/.config/drover/cli.yaml`, mode 0600: it holds keys. */
export interface Contexts {
  readonly current: string | undefined;
  readonly contexts: Readonly<Record<string, Context>>;
}

const isContext = (value: unknown): value is Context =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as Context).server === 'string' &&
  typeof (value as Context).key === 'string';

export const readContexts = (file: string): Contexts => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { current: undefined, contexts: {} };
    throw new UsageError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
      'Make it readable for this user, or delete it.',
    );
  }
  const value = parseText(file, text) as { current?: unknown; contexts?: unknown } | null;
  const contexts = Object.entries((value?.contexts ?? {}) as Record<string, unknown>).filter(
    (entry): entry is [string, Context] => isContext(entry[1]),
  );
  return {
    current: typeof value?.current === 'string' ? value.current : undefined,
    contexts: Object.fromEntries(contexts),
  };
};

const parseText = (file: string, text: string): unknown => {
  try {
    return parse(text) as unknown;
  } catch {
    throw new UsageError(`${file} is not valid YAML`, 'Mend it, or remove it and run `drover login` again.');
  }
};

/** Written beside and renamed, so that a crash leaves the old file; never readable by others, not even for a moment. */
export const writeContexts = (file: string, contexts: Contexts): void => {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}.new`;
  writeFileSync(fresh, stringify(contexts), { mode: 0o600 });
  chmodSync(fresh, 0o600);
  renameSync(fresh, file);
};

/** Adds or renews a context; the first one becomes the current one. */
export const putContext = (file: string, name: string, context: Context, makeCurrent: boolean): void => {
  const { current, contexts } = readContexts(file);
  const isFirst = current === undefined || contexts[current] === undefined;
  writeContexts(file, {
    current: makeCurrent || isFirst ? name : current,
    contexts: { ...contexts, [name]: context },
  });
};
