import { RE2JS } from 're2js';

/** A regular expression that administrators wrote, for text that strangers send. */
export interface Pattern {
  readonly groups: number;
  /** What it finds first: all of it, then its groups; a group that took no part is empty. Undefined: nothing. */
  find(text: string): readonly string[] | undefined;
}

export type PatternCompiled =
  { readonly ok: true; readonly pattern: Pattern } | { readonly ok: false; readonly message: string };

/** Time is bounded by the size of the pattern and the length of the text, multiplied: an ordinary pattern has some dozen instructions. */
const mostInstructions = 1000;

/**
 * Compiles a pattern in the syntax of RE2, which is that of Go: without what would take exponential time (back references, looking ahead). The engine of
 * JavaScript itself can be held for hours by forty characters.
 */
export function compilePattern(text: string): PatternCompiled {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(text);
  } catch (error) {
    return { ok: false, message: `is no regular expression of RE2: ${String((error as Error).message)}` };
  }
  const size = compiled.programSize();
  if (size > mostInstructions)
    return { ok: false, message: `is too large: ${size} steps, and at most ${mostInstructions} are allowed` };
  const groups = compiled.groupCount();
  return { ok: true, pattern: { groups, find: (path) => find(compiled, groups, path) } };
}

function find(compiled: RE2JS, groups: number, text: string): readonly string[] | undefined {
  const matcher = compiled.matcher(text);
  if (!matcher.find()) return undefined;
  return Array.from({ length: groups + 1 }, (_, group) => matcher.group(group) ?? '');
}
