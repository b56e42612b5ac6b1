import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { BodyOf, FirstBoot } from '@drover/contract';
import { requiredOption, textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { hint, show } from '../show.js';
import { agoText, safeText } from '../terminal/format.js';

type Wanted = BodyOf<'putFirstBoot'>;

const largest = 512 * 1024;

async function textOf(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${path} cannot be read: ${error.code ?? error.message}`, 'Name a file of this machine.');
  });
  if (bytes.length > largest)
    throw new UsageError(`${path} is too large for first-boot settings`, `Name a file of at most ${largest} bytes.`);
  return bytes.toString('utf8');
}

/** Which of the three forms a file has: by its name, else by how it begins. */
export function formOf(path: string, text: string): 'json' | 'customToml' | 'userData' {
  const name = basename(path).toLowerCase();
  if (name.endsWith('.json')) return 'json';
  if (name.endsWith('.toml')) return 'customToml';
  if (/\.ya?ml$/.test(name) || name === 'user-data') return 'userData';
  if (/^\s*\{/.test(text)) return 'json';
  return /^(#cloud-|#!|#include|## template:|Content-Type:)/.test(text) ? 'userData' : 'customToml';
}

/** The settings that a file holds, as the server takes them. */
export async function firstBootOf(path: string): Promise<Wanted> {
  const text = await textOf(path);
  const form = formOf(path, text);
  if (form !== 'json') return { [form]: text };
  try {
    return JSON.parse(text) as Wanted;
  } catch (error) {
    throw new UsageError(
      `${path} is no JSON: ${safeText((error as Error).message)}`,
      'Mend it, or write a custom.toml.',
    );
  }
}

const document = async (cli: Cli, option: 'metaData' | 'networkConfig') => {
  const path = textOption(cli.options, option);
  return path === undefined ? {} : { [option]: await textOf(path) };
};

const set = async (cli: Cli, ref: string): Promise<void> => {
  const file = requiredOption(cli.options, 'file', 'Name a custom.toml, a user-data of cloud-init, or JSON.');
  const body: Wanted = {
    ...(await firstBootOf(file)),
    ...(await document(cli, 'metaData')),
    ...(await document(cli, 'networkConfig')),
  };
  const kept = await connect(cli).firstBoot.put({ params: { ref }, body }, { signal: cli.signal });
  show(cli, kept, firstBootText(kept));
  for (const line of kept.warnings) hint(cli, safeText(line));
  hint(cli, `It is there from the next boot on: drover power cycle ${ref}`);
};

const clear = async (cli: Cli, ref: string): Promise<void> => {
  await connect(cli).firstBoot.delete({ params: { ref } }, { signal: cli.signal });
  show(cli, { cleared: ref }, `${ref} has no first-boot settings any more from the next boot on.\n`);
};

const get = async (cli: Cli, ref: string): Promise<void> => {
  const kept = await connect(cli).firstBoot.get({ params: { ref } }, { signal: cli.signal });
  show(cli, kept, firstBootText(kept));
};

const actions: Readonly<Record<string, (cli: Cli, ref: string) => Promise<void>>> = { set, show: get, clear };

export const firstBoot: Action = async (cli, [action = '', ref = '']) => {
  const work = Object.hasOwn(actions, action) ? actions[action] : undefined;
  if (work === undefined)
    throw new UsageError(`${action} is nothing that can be done`, 'Write set, show or clear, and then the device.');
  await work(cli, ref);
};

const yes = (value: boolean | undefined): string | undefined =>
  value === undefined ? undefined : value ? 'yes' : 'no';

const userText = ({
  name,
  hasPassword,
  sudo,
  takesOver,
  groups,
  authorizedKeys,
}: NonNullable<FirstBoot['users']>[number]) =>
  [
    name,
    hasPassword ? 'with a password' : 'without a password',
    `${authorizedKeys.length} ${authorizedKeys.length === 1 ? 'key' : 'keys'}`,
    ...(sudo ? ['sudo'] : []),
    ...(takesOver ? ["in place of the image's first user"] : []),
    ...(groups.length > 0 ? [`groups ${groups.join(', ')}`] : []),
  ].join(', ');

/** Tab-separated lines of what is set. */
export function firstBootText(kept: FirstBoot): string {
  const { wlan } = kept;
  const lines: [string, string | undefined][] = [
    ['hostname', kept.hostname],
    ['timezone', kept.timezone],
    ['locale', kept.locale],
    ['keymap', kept.keymap],
    ['ssh', kept.sshEnabled === true ? 'started' : undefined],
    ['ssh passwords', yes(kept.sshPasswordAuthentication)],
    ['keys of the first user', kept.authorizedKeys?.length.toString()],
    ...(kept.users ?? []).map((user): [string, string] => ['user', userText(user)]),
    ['wlan', wlan && [wlan.ssid, wlan.country, wlan.hidden ? 'hidden' : undefined].filter(Boolean).join(', ')],
    ['user-data', kept.userData && `${kept.userData.split('\n').length - 1} lines`],
    ['meta-data', kept.metaData && Object.keys(kept.metaData).join(', ')],
    ['network-config', kept.networkConfig && `${kept.networkConfig.split('\n').length - 1} lines`],
    ['not shown to this key', kept.hidden.length > 0 ? kept.hidden.join(', ') : undefined],
    ['changed', agoText(kept.updatedAt, Date.now())],
  ];
  return lines.flatMap(([key, value]) => (value ? [`${key}\t${safeText(value)}\n`] : [])).join('');
}
