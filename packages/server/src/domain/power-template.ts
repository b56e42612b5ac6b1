/** `{{name}}` in a text, or `{{name=instead}}` with what stands there for a board that has no such value. */
export interface Placeholder {
  readonly name: string;
  readonly instead: string | undefined;
}

export type TemplatePart = string | Placeholder;

/** What every board has, as far as it is known of it: no value needs to be given. */
export const boardNames = ['id', 'name', 'mac', 'serial', 'piId'] as const;

const placeholder = /^\{\{([a-z][a-zA-Z0-9]{0,31})(?:=([^{}]*))?\}\}/;

/** The parts of a template; undefined where `{{` begins nothing that can be filled in. */
export const parseTemplate = (text: string): readonly TemplatePart[] | undefined => {
  const parts: TemplatePart[] = [];
  let rest = text;
  for (let begin = rest.indexOf('{{'); begin !== -1; begin = rest.indexOf('{{')) {
    const [all, name, instead] = placeholder.exec(rest.slice(begin)) ?? [];
    if (all === undefined || name === undefined) return undefined;
    if (begin > 0) parts.push(rest.slice(0, begin));
    parts.push({ name, instead });
    rest = rest.slice(begin + all.length);
  }
  if (rest !== '') parts.push(rest);
  return parts;
};

/** Fills a template in from left to right: `fill` is told what stands before, as that decides how a value is written. */
export const fillTemplate = (
  parts: readonly TemplatePart[],
  fill: (placeholder: Placeholder, before: string) => string,
): string => parts.reduce<string>((text, part) => text + (typeof part === 'string' ? part : fill(part, text)), '');

/** Names of the values that a board must be given for these templates, in the order they are met. */
export const neededNames = (templates: readonly (readonly TemplatePart[])[]): string[] => {
  const known: readonly string[] = boardNames;
  const names = templates
    .flat()
    .flatMap((part) => (typeof part === 'string' || part.instead !== undefined ? [] : [part.name]));
  return [...new Set(names)].filter((name) => !known.includes(name));
};
