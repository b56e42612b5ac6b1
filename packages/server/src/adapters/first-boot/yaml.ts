import { LineCounter, parseDocument } from 'yaml';
import type { FieldError } from '@drover/contract';
import { yamlExcess } from '@drover/documents';
import { told } from './told.js';

type YamlMap =
  { readonly ok: true; readonly map: Record<string, unknown> } | { readonly ok: false; readonly errors: FieldError[] };

/** A map as PyYAML, which cloud-init reads with, would have it (YAML 1.1), in values that JSON has. Nothing written in it ends in a throw. */
export function readYaml(text: string, field: string): YamlMap {
  const refuse = (message: string): YamlMap => ({
    ok: false,
    errors: [{ field, message, remedy: 'Check it with `cloud-init schema --config-file FILE`, or a YAML linter.' }],
  });
  const excess = yamlExcess(text);
  if (excess !== undefined) return refuse(excess);
  try {
    const lines = new LineCounter();
    // PyYAML takes a key twice, too; to look for one takes time with the square of their number.
    const options = { version: '1.1', uniqueKeys: false, prettyErrors: false, logLevel: 'error' } as const;
    const document = parseDocument(text, { ...options, lineCounter: lines });
    const [wrong] = document.errors;
    if (wrong !== undefined)
      return refuse(`is no YAML in line ${lines.linePos(wrong.pos[0]).line}: ${told(wrong.message)}`);
    const values = plain(document.toJS({ maxAliasCount: 100 }));
    if (isDeep(values)) return refuse('is nested too deeply');
    if (values === null) return { ok: true, map: {} };
    if (typeof values !== 'object' || Array.isArray(values)) return refuse('is no map of keys and values');
    return { ok: true, map: values as Record<string, unknown> };
  } catch (error) {
    return refuse(`cannot be read: ${told((error as Error).message)}`);
  }
}

/** Dates, sets and bytes of YAML 1.1 as text and lists. */
const plain = (values: unknown): unknown => JSON.parse(JSON.stringify(values ?? null)) as unknown;

const mostLevels = 64;

/** Aliases put levels on levels. Level by level, since whoever calls himself for each takes the stack. */
function isDeep(values: unknown): boolean {
  let level: unknown[] = [values];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > mostLevels) return true;
    level = level.flatMap((value): unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
  return false;
}
