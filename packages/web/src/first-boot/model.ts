import { FirstBootPut, type FirstBoot } from '@drover/contract';
import { countText } from '../ui/format.js';

/** `as-is`: nothing is said, and the board keeps what it has. */
export type FirstBootForm = 'as-is' | 'fields' | 'file';

/** First-boot settings as a form has them. */
export interface TypedFirstBoot {
  readonly form: FirstBootForm;
  readonly hostname: string;
  readonly timezone: string;
  readonly user: string;
  /** Lines of authorized_keys. */
  readonly keys: string;
  readonly sudo: boolean;
  readonly takesOver: boolean;
  readonly ssh: boolean;
  readonly fileName: string;
  readonly fileText: string;
}

export const noFirstBoot: TypedFirstBoot = {
  form: 'as-is',
  hostname: '',
  timezone: '',
  user: '',
  keys: '',
  sudo: true,
  takesOver: true,
  ssh: true,
  fileName: '',
  fileText: '',
};

export type ReadFirstBoot =
  { readonly ok: true; readonly put: FirstBootPut | undefined } | { readonly ok: false; readonly problem: string };

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));

const fieldsOf = ({ hostname, timezone, user, keys, sudo, takesOver, ssh }: TypedFirstBoot): object => {
  const authorizedKeys = linesOf(keys);
  return {
    ...(hostname === '' ? {} : { hostname }),
    ...(timezone === '' ? {} : { timezone }),
    ...(ssh ? { sshEnabled: true } : {}),
    ...(user === '' ? {} : { users: [{ name: user, authorizedKeys, sudo, takesOver }] }),
    // Without a user of its own they are those of the image's first user.
    ...(user === '' && authorizedKeys.length > 0 ? { authorizedKeys } : {}),
  };
};

/** The three forms of a file, by its name or how it begins, as the command line tells them. */
const fileOf = ({ fileName, fileText }: TypedFirstBoot): unknown => {
  if (fileText.trimStart().startsWith('#cloud-config')) return { userData: fileText };
  if (/\.json$/i.test(fileName) || fileText.trimStart().startsWith('{')) return JSON.parse(fileText);
  return { customToml: fileText };
};

/** What is asked for; `put` undefined: nothing is said. A problem is in words. */
export const readFirstBoot = (typed: TypedFirstBoot): ReadFirstBoot => {
  if (typed.form === 'as-is') return { ok: true, put: undefined };
  if (typed.form === 'file' && typed.fileText === '') return { ok: false, problem: 'Choose a file.' };
  let said: unknown;
  try {
    said = typed.form === 'file' ? fileOf(typed) : fieldsOf(typed);
  } catch {
    return { ok: false, problem: `${typed.fileName} is not JSON.` };
  }
  const read = FirstBootPut.safeParse(said);
  if (read.success) return { ok: true, put: read.data };
  const [issue] = read.error.issues;
  const where = issue?.path.join('.') ?? '';
  return { ok: false, problem: [where, issue?.message ?? 'cannot be read'].filter(Boolean).join(' ') };
};

const userText = (user: NonNullable<FirstBoot['users']>[number]): string =>
  [
    user.name,
    user.hasPassword ? 'with a password' : 'without a password',
    countText(user.authorizedKeys.length, 'key'),
    ...(user.sudo ? ['sudo'] : []),
    ...(user.takesOver ? ['in place of the image’s first user'] : []),
    ...(user.groups.length > 0 ? [`groups ${user.groups.join(', ')}`] : []),
  ].join(', ');

/** What is kept for a board, as names and words. */
export const firstBootFacts = (kept: FirstBoot): readonly (readonly [string, string])[] => {
  const { wlan } = kept;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Host name', kept.hostname],
    ['Time zone', kept.timezone],
    ['Locale', kept.locale],
    ['Keyboard', kept.keymap],
    ['SSH', kept.sshEnabled === true ? 'started' : undefined],
    ['Keys', kept.authorizedKeys && `${countText(kept.authorizedKeys.length, 'key')} of the first user`],
    ...(kept.users ?? []).map((user) => ['User', userText(user)] as const),
    ['Wi-Fi', wlan && [wlan.ssid, wlan.country, wlan.hidden && 'hidden'].filter(Boolean).join(', ')],
    ['user-data', kept.userData && countText(kept.userData.split('\n').length, 'line')],
    ['network-config', kept.networkConfig && countText(kept.networkConfig.split('\n').length, 'line')],
    ['Not shown', kept.hidden.length > 0 ? `${kept.hidden.join(', ')}: for operators` : undefined],
  ];
  return facts.flatMap(([name, text]) => (text === undefined || text === '' ? [] : [[name, text] as const]));
};
