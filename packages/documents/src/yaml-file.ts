import { readFileSync } from 'node:fs';
import { isMap, isPair, LineCounter, parseDocument, visit, type Document, type Node, type Pair } from 'yaml';
import type { Problem } from './problem.js';
import { yamlExcess } from './yaml-bounds.js';

/** A file as read: plain values, and the line each key is on. */
export interface YamlFile {
  readonly path: string;
  readonly values: Record<string, unknown>;
  /** Line of the nearest key on that path, from 1. */
  lineOf(path: readonly PropertyKey[]): number;
}

export type YamlResult =
  { readonly ok: true; readonly file: YamlFile } | { readonly ok: false; readonly problems: Problem[] };

/** What the file is for, in the words of its errors. */
export interface YamlPurpose {
  /** `settings`. */
  readonly holds: string;
  /** Where all its keys are explained. */
  readonly page: string;
  /** What to do when it cannot be read. */
  readonly otherwise: string;
}

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

interface Broken {
  readonly at: number;
  readonly message: string;
}

/** The values, unless an alias stands for nothing, or for so much that it can only be meant to fill up memory. */
const plainValues = (document: Document): { values: unknown } | { broken: Broken[] } => {
  try {
    return { values: document.toJS({ maxAliasCount: 100 }) as unknown };
  } catch (error) {
    let at = 0;
    visit(document, {
      Alias: (_, alias) => {
        at = alias.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    return { broken: [{ at, message: (error as Error).message }] };
  }
};

/** Parses the text of a file (YAML 1.2) that holds a map. An empty file is an empty map. */
export const parseYamlFile = (path: string, text: string, { holds, page }: YamlPurpose): YamlResult => {
  const excess = yamlExcess(text);
  if (excess !== undefined) {
    return {
      ok: false,
      problems: [{ key: '', origin: `${path}:1`, message: excess, remedy: 'Write it with fewer levels and aliases.' }],
    };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = [...document.errors, ...document.warnings].map(({ pos, message }) => ({ at: pos[0], message }));
  const plain = broken.length > 0 ? { broken } : plainValues(document);
  if ('broken' in plain) {
    return {
      ok: false,
      problems: plain.broken.map(({ at, message }) => ({
        key: '',
        origin: `${path}:${lines.linePos(at).line}`,
        message: `is not valid YAML: ${message}`,
        remedy: 'Mend the line, or check the file with a YAML linter.',
      })),
    };
  }
  const { values } = plain;
  if (values !== null && values !== undefined && (typeof values !== 'object' || Array.isArray(values))) {
    return {
      ok: false,
      problems: [
        {
          key: '',
          origin: `${path}:1`,
          message: `holds no ${holds}: it is not a map of keys and values`,
          remedy: `Write \`key: value\` lines; ${page} has them all.`,
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

/** Reads a file; `optional` when its absence is no mistake (a default path). */
export const readYamlFile = (path: string, purpose: YamlPurpose, optional = false): YamlResult | undefined => {
  try {
    return parseYamlFile(path, readFileSync(path, 'utf8'), purpose);
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
          remedy: purpose.otherwise,
        },
      ],
    };
  }
};
