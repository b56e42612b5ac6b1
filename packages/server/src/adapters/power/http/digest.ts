import { createHash, randomBytes } from 'node:crypto';

export interface Login {
  readonly username: string;
  readonly password: string;
}

const hashes: Readonly<Record<string, string>> = { 'SHA-256': 'sha256', MD5: 'md5' };

/** RFC 9110, 11.6.1: parameters of the challenges of one scheme in a WWW-Authenticate header. */
const challengesOf = (header: string): ReadonlyMap<string, string>[] =>
  header
    .split(/(?:^|,)\s*Digest\s+/i)
    .slice(1)
    .map((text) => {
      const found = [...text.matchAll(/([A-Za-z0-9-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)];
      // Backwards, so that the first of a name counts: a challenge of another scheme may follow.
      return new Map(
        found
          .reverse()
          .map(([, name = '', quoted, bare]) => [name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '']),
      );
    });

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

interface Asked {
  readonly method: string;
  /** Path and query. */
  readonly uri: string;
}

/**
 * RFC 7616 with `qop=auth`: the answer to the strongest challenge that can be answered, undefined where there is none. `cnonce` is fixed in tests only.
 */
export const digestAnswer = (
  headers: readonly string[],
  { method, uri }: Asked,
  { username, password }: Login,
  cnonce: string = randomBytes(16).toString('hex'),
): string | undefined => {
  const challenges = headers.flatMap(challengesOf).filter((each) =>
    each
      .get('qop')
      ?.split(/[\s,]+/)
      .includes('auth'),
  );
  const algorithmOf = (each: ReadonlyMap<string, string>): string => (each.get('algorithm') ?? 'MD5').toUpperCase();
  const chosen = Object.keys(hashes).flatMap((name) => challenges.find((each) => algorithmOf(each) === name) ?? [])[0];
  const realm = chosen?.get('realm');
  const nonce = chosen?.get('nonce');
  if (chosen === undefined || realm === undefined || nonce === undefined) return undefined;
  const algorithm = algorithmOf(chosen);
  const hash = (text: string): string =>
    createHash(hashes[algorithm] ?? 'sha256')
      .update(text)
      .digest('hex');
  const count = '00000001';
  const proof = [nonce, count, cnonce, 'auth', hash(`${method}:${uri}`)].join(':');
  const response = hash(`${hash(`${username}:${realm}:${password}`)}:${proof}`);
  const opaque = chosen.get('opaque');
  return [
    `Digest username=${quoted(username)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(uri)}`,
    `algorithm=${algorithm}`,
    `response="${response}"`,
    ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
    'qop=auth',
    `nc=${count}`,
    `cnonce="${cnonce}"`,
  ].join(', ');
};
