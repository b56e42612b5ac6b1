import type * as z from 'zod';
import { AuthorizedKey, FirstBootSettings, FirstBootUser, PasswordHash } from '@drover/contract';
import type { Draft, Read } from './read.js';
import { told } from './told.js';
import { readYaml } from './yaml.js';

const mostWarnings = 50;

/**
 * What of a user-data can be applied where an image has no cloud-init. The document itself is handed to images that have it, word for word, so what is not
 * understood is no mistake: it is named.
 */
export function readUserData(text: string): Read {
  if (!/^#cloud-config[ \t]*(\r?\n|$)/.test(text)) return { draft: {}, warnings: [otherKind(text)] };
  const read = readYaml(text, 'userData');
  if (!read.ok) return { errors: read.errors };
  const notes = new Notes();
  const draft: Draft = {};
  for (const [key, value] of Object.entries(read.map)) {
    if (!Object.hasOwn(readers, key)) notes.left(key);
    else Object.assign(draft, readers[key]!(value, notes, read.map));
  }
  return { draft, warnings: notes.lines() };
}

const otherKind = (text: string): string =>
  `userData begins with ${told(text.split('\n', 1)[0] ?? '', 40)}, not with #cloud-config: only images with cloud-init do something with it`;

/** What is left to cloud-init, in the order of the document. */
class Notes {
  private readonly found: string[] = [];
  left(key: string): void {
    this.add(`${told(key)} is left to images with cloud-init`);
  }
  add(text: string): void {
    if (this.found.length <= mostWarnings) this.found.push(text);
  }
  lines(): string[] {
    return this.found.length <= mostWarnings
      ? this.found
      : [...this.found.slice(0, mostWarnings), 'and more of the kind'];
  }
}

type Reader = (value: unknown, notes: Notes, all: Record<string, unknown>) => Draft;

/** A value in the form that a setting has; another one is left to cloud-init, with the reason. */
function fitting<T>(schema: z.ZodType<T>, value: unknown, key: string, notes: Notes): T | undefined {
  if (value === null || value === undefined) return undefined;
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  notes.add(`${key} ${checked.error.issues[0]?.message ?? 'is odd'}: left to images with cloud-init`);
  return undefined;
}

const { hostname, timezone, locale, keymap } = FirstBootSettings.shape;

/** Booleans as cloud-init's modules take them. */
const truth = (value: unknown): boolean | undefined => {
  if (typeof value === 'boolean') return value;
  const text = typeof value === 'string' ? value.toLowerCase() : '';
  if (['true', 'yes', 'on', '1'].includes(text)) return true;
  return ['false', 'no', 'off', '0'].includes(text) ? false : undefined;
};

const readers: Readonly<Record<string, Reader>> = {
  hostname: (value, notes) => ({ hostname: fitting(hostname, value, 'hostname', notes) }),
  fqdn: (value, notes, all) => (all['hostname'] == null ? { hostname: fitting(hostname, value, 'fqdn', notes) } : {}),
  timezone: (value, notes) => ({ timezone: fitting(timezone, value, 'timezone', notes) }),
  locale: (value, notes) => ({ locale: fitting(locale, value, 'locale', notes) }),
  keyboard: (value, notes) => {
    const { layout, ...others } = mapOf(value);
    for (const key of Object.keys(others)) notes.left(`keyboard.${key}`);
    return { keymap: fitting(keymap, layout, 'keyboard.layout', notes) };
  },
  ssh_pwauth: (value, notes) => {
    const said = truth(value);
    if (said === undefined && value !== 'unchanged') notes.left('ssh_pwauth');
    return { sshPasswordAuthentication: said };
  },
  ssh_authorized_keys: (value, notes) => ({ authorizedKeys: keysOf(value, 'ssh_authorized_keys', notes) }),
  users: (value, notes) => ({ users: usersOf(value, notes) }),
};

const mapOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};

function keysOf(value: unknown, key: string, notes: Notes): string[] | undefined {
  if (value === null || value === undefined) return undefined;
  const lines = (Array.isArray(value) ? value : [value]).map((line: unknown) =>
    typeof line === 'string' ? line.trim() : line,
  );
  const keys = lines.flatMap((line, index) => fitting(AuthorizedKey, line, `${key}.${index}`, notes) ?? []);
  return fitting(FirstBootSettings.shape.authorizedKeys, keys, key, notes);
}

function usersOf(value: unknown, notes: Notes): FirstBootUser[] | undefined {
  if (!Array.isArray(value)) {
    notes.left('users');
    return undefined;
  }
  const users = value.flatMap((entry: unknown, index) => userOf(entry, `users.${index}`, notes) ?? []);
  return fitting(FirstBootSettings.shape.users, users, 'users', notes);
}

const understood = ['name', 'passwd', 'hashed_passwd', 'lock_passwd', 'ssh_authorized_keys', 'sudo', 'shell', 'groups'];

/** `default` is the image's own first user, which is there. */
function userOf(entry: unknown, key: string, notes: Notes): FirstBootUser | undefined {
  if (entry === 'default') return undefined;
  const user = mapOf(typeof entry === 'string' ? { name: entry } : entry);
  for (const other of Object.keys(user)) if (!understood.includes(other)) notes.left(`${key}.${other}`);
  return fitting(
    FirstBootUser,
    {
      name: user['name'],
      passwordHash: hashOf(user, key, notes),
      authorizedKeys: keysOf(user['ssh_authorized_keys'], `${key}.ssh_authorized_keys`, notes),
      sudo: sudoOf(user['sudo'], key, notes),
      shell: user['shell'] ?? undefined,
      groups: groupsOf(user['groups']),
    },
    key,
    notes,
  );
}

/** cloud-init locks a password unless told otherwise, also one that it was given. */
function hashOf(user: Record<string, unknown>, key: string, notes: Notes): string | undefined {
  const hash = fitting(PasswordHash, user['hashed_passwd'] ?? user['passwd'], `${key}.passwd`, notes);
  if (hash === undefined || truth(user['lock_passwd']) === false) return hash;
  notes.add(`${key}.passwd is locked, as lock_passwd is not false`);
  return undefined;
}

function sudoOf(value: unknown, key: string, notes: Notes): boolean {
  if (value === null || value === undefined || value === false) return false;
  const rules = (Array.isArray(value) ? value : [value]) as unknown[];
  if (
    rules.every((rule) => typeof rule === 'string' && /^ALL\s*=\s*\(ALL(\s*:\s*ALL)?\)\s*NOPASSWD:\s*ALL$/.test(rule))
  )
    return rules.length > 0;
  notes.left(`${key}.sudo`);
  return false;
}

const groupsOf = (value: unknown): unknown => {
  if (value === null || value === undefined) return undefined;
  return typeof value === 'string' ? value.split(',').map((name) => name.trim()) : value;
};
