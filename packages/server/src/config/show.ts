import { settingKeys } from './describe.js';
import type { LoadedSettings } from './load.js';
import type { Settings } from './schema.js';
import { listenAddressText, type ListenAddress } from './values.js';

/** One effective setting: what it is and where it came from. */
export interface EffectiveSetting {
  readonly key: string;
  readonly value: unknown;
  readonly origin: string;
}

const isListenAddress = (value: unknown): value is ListenAddress =>
  typeof value === 'object' && value !== null && 'host' in value && 'port' in value;

/** Addresses as people write them. */
export const plain = (value: unknown): unknown =>
  Array.isArray(value) ? value.map((item: unknown) => (isListenAddress(item) ? listenAddressText(item) : item)) : value;

/** Members of drivers that hold a secret, or may: headers and bodies are whatever somebody's plug wants. */
const secretMembers = ['password', 'token', 'community', 'authKey', 'privKey', 'headers', 'body'];

const withoutQuery = (url: unknown): unknown => (typeof url === 'string' ? url.replace(/\?.*/, '?...') : url);

/** The password of a database URL as three dots, and what is secret in maps. */
export const redacted = (value: unknown): unknown => {
  if (typeof value === 'string')
    return value.replace(/^([a-z]+:\/\/[^/@\s:]*):[^@\s]*@/, '$1:...@').replace(/password=[^&\s]*/gi, 'password=...');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const members = Object.entries(value).map(([key, member]: [string, unknown]) => [
    key,
    secretMembers.includes(key) && member !== undefined
      ? '...'
      : redacted(key === 'url' ? withoutQuery(member) : member),
  ]);
  return Object.fromEntries(members) as unknown;
};

const at = (settings: Settings, path: string): unknown =>
  path.split('.').reduce<unknown>((node, step) => (node as Record<string, unknown> | undefined)?.[step], settings);

/** Every setting with its value and origin, secrets hidden: what `drover settings` shows. */
export const effectiveSettings = ({ settings, origins }: LoadedSettings): EffectiveSetting[] =>
  settingKeys.map(({ path, secret }) => {
    const value = plain(at(settings, path));
    return {
      key: path,
      value: (secret ? redacted(value) : value) ?? null,
      origin: origins.get(path) ?? 'default',
    };
  });
