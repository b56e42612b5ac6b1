import { createHash } from 'node:crypto';
import type { FirstBootSettings, FirstBootUser } from '@drover/contract';
import type { IdentityFile } from './identity-tar.js';

/** Whose settings they are: a change of any of these makes a new instance for cloud-init. */
export interface FirstBootOwner {
  readonly device: string;
  /** Of the assignment. */
  readonly generation: number;
  /** The name of the device, where the settings have none. */
  readonly name: string;
}

/** In memory of the board, never on its root: `prepare` takes it from there. */
const folder = 'run/drover/first-boot';

/**
 * First-boot settings as a board gets them, in the archive of what makes it itself. Which of the two is used is found out there, since only the board sees
 * whether its image has cloud-init: `settings`, one value a line, or a seed of cloud-init's data source NoCloud.
 */
export function firstBootFiles(settings: FirstBootSettings, owner: FirstBootOwner): IdentityFile[] {
  const digest = createHash('sha256').update(JSON.stringify(settings)).digest('hex');
  const wifi = wifiText(settings.wlan);
  const files: Record<string, string> = {
    settings: lines(settings, digest),
    'cloud/meta-data': json(metaData(settings, digest, owner)),
    'cloud/user-data': settings.userData ?? `#cloud-config\n${json(cloudConfig(settings))}`,
    ...(settings.networkConfig === undefined ? {} : { 'cloud/network-config': settings.networkConfig }),
    ...(wifi === undefined ? {} : { 'wpa_supplicant.conf': wifi }),
  };
  return Object.entries(files).map(([name, text]) => ({ path: `${folder}/${name}`, mode: 0o600, text }));
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`;

/** The form is checked once more by device/lib/first-boot.sh: a key, `=`, a value without control characters. */
function lines(settings: FirstBootSettings, digest: string): string {
  const { hostname, timezone, locale, keymap, sshEnabled, sshPasswordAuthentication, authorizedKeys, users } = settings;
  const pairs: [string, string | undefined][] = [
    ['digest', digest],
    ...Object.entries({ hostname, timezone, locale, keymap }),
    ['ssh', sshEnabled === true ? 'yes' : undefined],
    ['ssh-password', yesOrNo(sshPasswordAuthentication)],
    ...(authorizedKeys ?? []).map((key): [string, string] => ['first-key', key]),
    ...(users ?? []).flatMap(userPairs),
  ];
  return pairs.flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}\n`])).join('');
}

const yesOrNo = (value: boolean | undefined): string | undefined =>
  value === undefined ? undefined : value ? 'yes' : 'no';

const userPairs = (user: FirstBootUser): [string, string | undefined][] => [
  ['user', user.name],
  ['take-over', user.takesOver ? 'yes' : undefined],
  ['password', user.passwordHash],
  ['sudo', user.sudo ? 'yes' : undefined],
  ['shell', user.shell],
  ...user.groups.map((group): [string, string] => ['group', group]),
  ...user.authorizedKeys.map((key): [string, string] => ['key', key]),
];

const metaData = (settings: FirstBootSettings, digest: string, { device, generation, name }: FirstBootOwner) => ({
  'instance-id': `${device}-${generation}-${digest.slice(0, 12)}`,
  'local-hostname': settings.hostname ?? name,
  ...settings.metaData,
});

/** The same in the words of cloud-init. JSON is YAML. */
function cloudConfig(settings: FirstBootSettings): Record<string, unknown> {
  const { hostname, timezone, locale, keymap, sshPasswordAuthentication, authorizedKeys = [], users = [] } = settings;
  const first = users.find(({ takesOver }) => takesOver);
  const others = users.filter(({ takesOver }) => !takesOver).map(cloudUser);
  const needsDefault = first !== undefined || authorizedKeys.length > 0;
  return {
    ...(hostname === undefined ? {} : { hostname, preserve_hostname: false }),
    ...(timezone === undefined ? {} : { timezone }),
    ...(locale === undefined ? {} : { locale }),
    ...(keymap === undefined ? {} : { keyboard: { layout: keymap } }),
    ...(sshPasswordAuthentication === undefined ? {} : { ssh_pwauth: sshPasswordAuthentication }),
    ...(authorizedKeys.length === 0 ? {} : { ssh_authorized_keys: authorizedKeys }),
    // `user` changes the distribution's own, with its groups; `default` has it made.
    ...(first === undefined ? {} : { user: cloudUser(first) }),
    ...(users.length === 0 ? {} : { users: [...(needsDefault ? ['default'] : []), ...others] }),
  };
}

const cloudUser = ({ name, passwordHash, authorizedKeys, sudo, shell = '/bin/bash', groups }: FirstBootUser) => ({
  name,
  shell,
  lock_passwd: passwordHash === undefined,
  ...(passwordHash === undefined ? {} : { hashed_passwd: passwordHash }),
  ...(authorizedKeys.length === 0 ? {} : { ssh_authorized_keys: authorizedKeys }),
  ...(sudo ? { sudo: 'ALL=(ALL) NOPASSWD:ALL' } : {}),
  ...(groups.length === 0 ? {} : { groups: groups.join(',') }),
});

/** As wpa_supplicant.conf(5); the name in digits, so that nothing needs quoting. */
function wifiText(wlan: FirstBootSettings['wlan']): string | undefined {
  if (wlan === undefined) return undefined;
  const { ssid, psk, hidden, country } = wlan;
  const network =
    ssid === undefined
      ? []
      : [
          'network={',
          `\tssid=${Buffer.from(ssid).toString('hex')}`,
          psk === undefined ? '\tkey_mgmt=NONE' : `\tpsk=${psk}`,
          ...(hidden ? ['\tscan_ssid=1'] : []),
          '}',
        ];
  return [...(country === undefined ? [] : [`country=${country}`]), ...network].map((line) => `${line}\n`).join('');
}
