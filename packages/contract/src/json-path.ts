/** A place within a JSON document: names of members, and numbers of elements. */
export type JsonPath = readonly (string | number)[];

const plainName = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `config.ssh.pi.authorized_keys[0]`; names that are not plain stand in brackets: `config["a.b"]`. The whole document is `.`. */
export const pathText = (path: JsonPath): string => {
  if (path.length === 0) return '.';
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!plainName.test(step)) return `[${JSON.stringify(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join('');
};

const step = /^(?:\.?([A-Za-z_][A-Za-z0-9_-]*)|\[(\d{1,6})\]|\[("(?:[^"\\]|\\.)*")\])/;

/** Reads what {@link pathText} writes; undefined when it is no path. */
export const parsePath = (text: string): JsonPath | undefined => {
  const path: (string | number)[] = [];
  let rest = text;
  while (rest !== '') {
    const found = step.exec(rest);
    if (found === null || (path.length === 0 && rest.startsWith('.'))) return undefined;
    const [all, name, index, quoted] = found;
    const read = name ?? (index === undefined ? textOf(quoted ?? '') : Number(index));
    if (read === undefined) return undefined;
    path.push(read);
    rest = rest.slice(all.length);
  }
  return path.length === 0 ? undefined : path;
};

const textOf = (quoted: string): string | undefined => {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
};
