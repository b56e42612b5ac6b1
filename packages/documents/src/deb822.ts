/** Fields of one stanza by their names in lower case, in order. */
export type Stanza = ReadonlyMap<string, string>;

/**
 * Stanzas of `Field: value` as Debian's control files, package lists and sources have them (deb-control(5), deb822(5)): an indented line goes on with the value
 * and keeps its indentation, a line that begins with # is a comment.
 */
export function parseDeb822(text: string): Stanza[] {
  const stanzas: Map<string, string>[] = [];
  let fields = new Map<string, string>();
  let last: string | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    if (/^[ \t\r]*$/.test(line)) {
      if (fields.size > 0) stanzas.push(fields);
      fields = new Map();
      last = undefined;
      continue;
    }
    const field = /^([!-9;-~]+):[ \t]*(.*)$/.exec(line);
    if (field?.[1] !== undefined) {
      last = field[1].toLowerCase();
      fields.set(last, (field[2] ?? '').trimEnd());
    } else if (last !== undefined && /^[ \t]/.test(line)) {
      fields.set(last, `${fields.get(last) ?? ''}\n${line.trimEnd()}`);
    }
  }
  if (fields.size > 0) stanzas.push(fields);
  return stanzas;
}

/** Stanzas as text. */
export const formatDeb822 = (stanzas: readonly ReadonlyMap<string, string>[]): string =>
  stanzas
    .map((fields) =>
      [...fields].map(([name, value]) => `${name}:${value.startsWith('\n') ? '' : ' '}${value}\n`).join(''),
    )
    .join('\n');
