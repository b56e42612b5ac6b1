import { expand, readTemplate, type Template } from './rule-template.js';
import type { RulePlanned } from './tftp-rules.js';

/** The address of a rule: groups are in what follows the server, and nowhere else. */
export interface UrlTemplate {
  /** `http://boot.example:8080` */
  readonly origin: string;
  /** From the slash after the server to a question mark, and what follows that, with it. */
  readonly path: Template;
  readonly query: Template;
}

export type UrlRead =
  { readonly ok: true; readonly url: UrlTemplate } | { readonly ok: false; readonly message: string };

const shape = /^(https?:\/\/([^/?#\\]+))(\/[^?#]*)(\?[^#]*)?$/i;
const longest = 8192;

export function readUrl(text: string, groups: number): UrlRead {
  const found = shape.exec(text);
  if (found === null)
    return wrong('is not an address like http://server/path: it needs a slash behind the server, and has no # part');
  const [, origin = '', server = '', path = '', query = ''] = found;
  if (server.includes('$')) return wrong('has a $ in its server: groups may only be behind it');
  if (server.includes('@')) return wrong('has a user name or password');
  if (!URL.canParse(origin)) return wrong('names no server that there can be');
  const pathRead = readTemplate(path, groups);
  if (!pathRead.ok) return pathRead;
  const queryRead = readTemplate(query, groups);
  if (!queryRead.ok) return queryRead;
  const url = { origin: new URL(origin).origin, path: pathRead.template, query: queryRead.template };
  return isPlain(
    url.origin,
    expand(url.path, [], () => 'x'),
  )
    ? { ok: true, url }
    : wrong('has a . or .. step in its path, or a character that an address must have percent-encoded');
}

const wrong = (message: string): UrlRead => ({ ok: false, message });

/** Whether a path arrives at the server as it is written: whoever parses the address resolves its steps. */
const isPlain = (origin: string, path: string): boolean => {
  // Said here as well: the parser of Node 20 (ada 2.9) leaves `/.a/..` as it is, and the server does not.
  if (path.split('/').some((step) => /^\.{1,2}$/.test(step.replace(/%2e/gi, '.')))) return false;
  if (!URL.canParse(`${origin}${path}`)) return false;
  const url = new URL(`${origin}${path}`);
  return url.origin === origin && url.pathname === path;
};

/** Slashes of a group stay slashes in a path. */
const inPath = (value: string): string => value.split('/').map(encodeURIComponent).join('/');

export function planUrl({ origin, path, query }: UrlTemplate, groups: readonly string[]): RulePlanned {
  const wanted = expand(path, groups, inPath);
  if (!isPlain(origin, wanted)) return { ok: false, reason: 'it leads out of the address of the rule' };
  const url = `${origin}${wanted}${expand(query, groups, encodeURIComponent)}`;
  if (url.length > longest) return { ok: false, reason: 'the address it becomes is too long' };
  return { ok: true, work: { kind: 'url', url } };
}
