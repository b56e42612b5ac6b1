import { settingsText } from './config-settings.js';
import { tarEnd, tarHeader, tarPadding } from './tar.js';

/** A piece of an effective boot config: anything may be in it, see docs/boot-flow.md for what is read. */
type Json = Readonly<Record<string, unknown>>;

interface ConfigFile {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Buffer;
}

const objectOf = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};

function parse(text: string): Json {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return {};
  }
}

const base64Form = /^[A-Za-z0-9+/]*={0,2}$/;

/** A file of what a document holds as base64; none for what is empty. Whoever stores documents refuses what is no base64. */
function decoded(path: string, mode: number, value: unknown): ConfigFile[] {
  const text = typeof value === 'string' ? value.replace(/\s+/g, '') : '';
  return text === '' || !base64Form.test(text) ? [] : [{ path, mode, bytes: Buffer.from(text, 'base64') }];
}

/** As useradd(8) takes them: it becomes a file name on the board. */
const userForm = /^[a-z_][a-z0-9_-]{0,31}$/;
const isKeyLine = (value: unknown): value is string => typeof value === 'string' && /^[^\p{Cc}]+$/u.test(value.trim());

function authorizedKeys(ssh: Json): ConfigFile[] {
  return Object.keys(ssh)
    .filter((user) => userForm.test(user))
    .sort()
    .flatMap((user) => {
      const keys = objectOf(ssh[user])['authorized_keys'];
      const lines = (Array.isArray(keys) ? keys : []).filter(isKeyLine).map((line) => `${line.trim()}\n`);
      if (lines.length === 0) return [];
      return [{ path: `authorized_keys/${user}`, mode: 0o644, bytes: Buffer.from(lines.join('')) }];
    });
}

const settings = (config: Json): ConfigFile[] => {
  const text = settingsText(config);
  return text === '' ? [] : [{ path: 'settings', mode: 0o644, bytes: Buffer.from(text) }];
};

/**
 * What a board with a self-updating card gets of its boot config, as a tar: the document itself, byte for byte, and what a board without a JSON reader needs
 * of it in files of their own. The same document is the same archive.
 */
export function configArchive(text: string): Buffer {
  const document = parse(text);
  const config = objectOf(document['config']);
  const files: ConfigFile[] = [
    { path: 'config.json', mode: 0o644, bytes: Buffer.from(text) },
    ...decoded('bootcode', 0o755, document['bootcode']),
    ...decoded('usercode', 0o755, document['usercode']),
    ...decoded('wpa_supplicant.conf', 0o600, config['wpa_supplicant']),
    ...decoded('sdlayout', 0o644, config['sdlayout']),
    ...settings(config),
  ];
  const keys = authorizedKeys(objectOf(config['ssh']));
  const folder = keys.length === 0 ? [] : [tarHeader('authorized_keys/', { mode: 0o755, size: 0 })];
  return Buffer.concat([...files.flatMap(entry), ...folder, ...keys.flatMap(entry), tarEnd]);
}

const entry = ({ path, mode, bytes }: ConfigFile): Buffer[] => [
  tarHeader(path, { mode, size: bytes.length }),
  bytes,
  tarPadding(bytes.length),
];
