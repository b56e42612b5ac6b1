import { readFileSync } from 'node:fs';
import { isMap, isPair, LineCounter, parseDocument, type Document, type Node, type Pair } from 'yaml';

/** One thing wrong with the settings, and what to do about it. */
export interface SettingsProblem {
  /** Dotted path of the key; empty where it is about the whole file. */
  readonly key: string;
  /** `/etc/drover/drover.yaml:3`, `DROVER_SITE` or `command line`. */
  readonly origin: string;
  readonly message: string;
  readonly remedy: string;
}

/** A settings file as read: plain values, and the line each key is on. */
export interface SettingsFile {
  readonly path: string;
  readonly values: Record<string, unknown>;
  /** Line of the nearest key on that path, from 1. */
  lineOf(path: readonly PropertyKey[]): number;
}

export type FileResult =
  { readonly ok: true; readonly file: SettingsFile } | { readonly ok: false; readonly problems: SettingsProblem[] };

const offsetOf = (document: Document, path: readonly PropertyKey[]): number => {
  let offset = 0;
  let node: unknown = document.contents;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item): item is Pair<Node, Node> => isPair(item) && String(item.key) === String(step),
      );
      if (pair === undefined) break;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
      continue;
    }
    const items = (node as { items?: (Node | null)[] } | null)?.items;
    const item = Array.isArray(items) ? items[Number(step)] : undefined;
    if (item === undefined || item === null) break;
    offset = item.range?.[0] ?? offset;
    node = item;
  }
  return offset;
};

/** Parses the text of a settings file (YAML 1.2). An empty file is a file without settings. */
export const parseSettingsFile = (path: string, text: string): FileResult => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0) {
    return {
      ok: false,
      problems: broken.map((error) => ({
        key: '',
        origin: `${path}:${lines.linePos(error.pos[0]).line}`,
        message: `is not valid YAML: ${error.message}`,
        remedy: 'Mend the line, or check the file with a YAML linter.',
      })),
    };
  }
  const values: unknown = document.toJS({ maxAliasCount: 100 });
  if (values !== null && values !== undefined && (typeof values !== 'object' || Array.isArray(values))) {
    return {
      ok: false,
      problems: [
        {
          key: '',
          origin: `${path}:1`,
          message: 'holds no settings: it is not a map of keys and values',
          remedy: 'Write `key: value` lines; docs/how-to/settings.md has them all.',
        },
      ],
    };
  }
  return {
    ok: true,
    file: {
      path,
      values: (values ?? {}) as Record<string, unknown>,
      lineOf: (keys) => lines.linePos(offsetOf(document, keys)).line,
    },
  };
};

/** Reads a settings file; `optional` when its absence is no mistake (the default path). */
export const readSettingsFile = (path: string, optional: boolean): FileResult | undefined => {
  try {
    return parseSettingsFile(path, readFileSync(path, 'utf8'));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    if (optional && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    const reason: Record<string, string> = {
      ENOENT: 'does not exist',
      EACCES: 'may not be read by this user',
      EISDIR: 'is a folder',
    };
    return {
      ok: false,
      problems: [
        {
          key: '',
          origin: path,
          message: reason[code] ?? `cannot be read (${code})`,
          remedy: 'Name another file with --config, or leave it out to run with the defaults.',
        },
      ],
    };
  }
};
