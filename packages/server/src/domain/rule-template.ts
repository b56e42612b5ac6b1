/** Text of a rule with places for what its pattern found: `$1`, `${1}`, `$0` for all of the match, `$$` for a dollar sign. A number is a place. */
export type Template = readonly (string | number)[];

export type TemplateRead =
  { readonly ok: true; readonly template: Template } | { readonly ok: false; readonly message: string };

const place = /^\$(?:\$|(\d{1,3})|\{(\d{1,3})\})/;

/** Reads a template. `groups`: how many groups the pattern has. */
export function readTemplate(text: string, groups: number): TemplateRead {
  const parts: (string | number)[] = [];
  let literal = '';
  for (let at = 0; at < text.length;) {
    const dollar = text.indexOf('$', at);
    const end = dollar < 0 ? text.length : dollar;
    literal += text.slice(at, end);
    at = end;
    if (dollar < 0) break;
    const found = place.exec(text.slice(at));
    if (found === null) return wrong('has a $ that names no group: write $1, or $$ for a dollar sign');
    at += found[0].length;
    const digits = found[1] ?? found[2];
    if (digits === undefined) {
      literal += '$';
      continue;
    }
    const group = Number(digits);
    if (group > groups) return wrong(`names the group $${group}, and match has ${countOf(groups)}`);
    if (literal !== '') parts.push(literal);
    parts.push(group);
    literal = '';
  }
  if (literal !== '') parts.push(literal);
  return { ok: true, template: parts };
}

const wrong = (message: string): TemplateRead => ({ ok: false, message });

const countOf = (groups: number): string =>
  groups === 0 ? 'no groups: put ( ) around what you want' : groups === 1 ? 'one group' : `${groups} groups`;

export const hasPlaces = (template: Template): boolean => template.some((part) => typeof part === 'number');

/** The template with its places filled in. `groups[0]` is all of the match; a group that took no part is empty. */
export const expand = (
  template: Template,
  groups: readonly string[],
  encode: (value: string) => string = (value) => value,
): string => template.map((part) => (typeof part === 'number' ? encode(groups[part] ?? '') : part)).join('');
