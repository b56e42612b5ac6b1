import type { Authentication, HttpSettings } from '../settings.js';
import { digestAnswer, type Login } from './digest.js';
import { exchange, type Answer, type Exchange } from './exchange.js';

export interface Access {
  /** One request, with what lets us in. */
  readonly ask: (asked: Exchange) => Promise<Answer>;
  /** Takes all that lets us in out of a text that is shown. */
  readonly hide: (text: string) => string;
}

const encoded = ({ username, password }: Login): string =>
  Buffer.from(`${username}:${password}`, 'utf8').toString('base64');

const withHeader = (asked: Exchange, authorization: string): Exchange => ({
  ...asked,
  headers: { ...asked.headers, Authorization: authorization },
});

/** Tasmota's way. */
const withQuery = (asked: Exchange, { username, password }: Login): Exchange => {
  const url = new URL(asked.url);
  const added = `user=${encodeURIComponent(username)}&password=${encodeURIComponent(password)}`;
  url.search = url.search === '' ? added : `${url.search}&${added}`;
  return { ...asked, url };
};

async function throughDigest(asked: Exchange, login: Login): Promise<Answer> {
  const first = await exchange(asked);
  if (first.status !== 401) return first;
  const { method, url } = asked;
  const authorization = digestAnswer(first.challenges, { method, uri: url.pathname + url.search }, login);
  return authorization === undefined ? first : exchange(withHeader(asked, authorization));
}

const asking: Readonly<Record<Authentication, (asked: Exchange, login: Login) => Promise<Answer>>> = {
  basic: (asked, login) => exchange(withHeader(asked, `Basic ${encoded(login)}`)),
  digest: throughDigest,
  query: (asked, login) => exchange(withQuery(asked, login)),
};

const hiding =
  (secrets: readonly string[]) =>
  (text: string): string =>
    secrets.reduce((shown, secret) => (secret === '' ? shown : shown.replaceAll(secret, '...')), text);

/** How a driver is let in: with a token, with user name and password, or as anybody. */
export const accessOf = (
  { username, password, token, auth }: Pick<HttpSettings, 'username' | 'password' | 'token' | 'auth'>,
  usual: Authentication,
): Access => {
  if (token !== undefined)
    return { ask: (asked) => exchange(withHeader(asked, `Bearer ${token}`)), hide: hiding([token]) };
  if (username === undefined || password === undefined) return { ask: exchange, hide: (text) => text };
  const login = { username, password };
  return {
    ask: (asked) => asking[auth ?? usual](asked, login),
    hide: hiding([encoded(login), encodeURIComponent(password), password]),
  };
};
