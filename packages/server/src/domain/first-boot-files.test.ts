import { describe, expect, it } from 'vitest';
import { FirstBootSettings } from '@drover/contract';
import { firstBootFiles } from './first-boot-files.js';
import { shownFirstBoot } from './first-boot-shown.js';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb0example0000000000000000000000000000 me@here';
const passwordHash = '$6$saltsaltsalt$0123456789abcdef./ABCDEF';
const owner = { device: 'dev_01', generation: 3, name: 'pi-0' };
const filesOf = (settings: object, more: object = {}): Record<string, string> =>
  Object.fromEntries(
    firstBootFiles(FirstBootSettings.parse(settings), { ...owner, ...more }).map(({ path, text }) => [
      path.replace('run/drover/first-boot/', ''),
      text,
    ]),
  );
const withoutDigest = (text = ''): string[] => text.trimEnd().split('\n').slice(1);
const cloud = (text = ''): unknown => JSON.parse(text.replace('#cloud-config\n', ''));

describe('first-boot settings for a board', () => {
  const whole = {
    hostname: 'sign-17',
    timezone: 'Europe/Zurich',
    locale: 'de_CH.UTF-8',
    keymap: 'ch',
    sshEnabled: true,
    sshPasswordAuthentication: false,
    authorizedKeys: [key],
    users: [
      { name: 'anna', passwordHash, sudo: true, takesOver: true },
      { name: 'bert', authorizedKeys: [key, key], groups: ['adm', 'video'], shell: '/bin/sh' },
    ],
    wlan: { ssid: 'Büro', psk: '0a'.repeat(32), hidden: true, country: 'CH' },
  };

  it('are lines of one value each', () => {
    const { settings } = filesOf(whole);
    expect(settings).toMatch(/^digest=[0-9a-f]{64}\n/);
    expect(withoutDigest(settings)).toEqual([
      ...[
        'hostname=sign-17',
        'timezone=Europe/Zurich',
        'locale=de_CH.UTF-8',
        'keymap=ch',
        'ssh=yes',
        'ssh-password=no',
      ],
      `first-key=${key}`,
      ...['user=anna', 'take-over=yes', `password=${passwordHash}`, 'sudo=yes'],
      ...['user=bert', 'shell=/bin/sh', 'group=adm', 'group=video', `key=${key}`, `key=${key}`],
    ]);
  });

  it('are a seed for cloud-init, where an image has it', () => {
    const files = filesOf(whole);
    expect(cloud(files['cloud/user-data'])).toEqual({
      hostname: 'sign-17',
      preserve_hostname: false,
      timezone: 'Europe/Zurich',
      locale: 'de_CH.UTF-8',
      keyboard: { layout: 'ch' },
      ssh_pwauth: false,
      ssh_authorized_keys: [key],
      user: {
        ...{ name: 'anna', shell: '/bin/bash', lock_passwd: false, hashed_passwd: passwordHash },
        sudo: 'ALL=(ALL) NOPASSWD:ALL',
      },
      users: [
        'default',
        { name: 'bert', shell: '/bin/sh', lock_passwd: true, ssh_authorized_keys: [key, key], groups: 'adm,video' },
      ],
    });
    expect(cloud(files['cloud/meta-data'])).toEqual({
      'instance-id': expect.stringMatching(/^dev_01-3-[0-9a-f]{12}$/) as string,
      'local-hostname': 'sign-17',
    });
    expect(files['cloud/network-config']).toBeUndefined();
  });

  it('are a new instance when they change, or the assignment does', () => {
    const instance = (settings: object, more: object = {}) =>
      (cloud(filesOf(settings, more)['cloud/meta-data']) as Record<string, string>)['instance-id'];
    const first = instance({ hostname: 'a' });
    expect(instance({ hostname: 'a' })).toBe(first);
    expect(instance({ hostname: 'b' })).not.toBe(first);
    expect(instance({ hostname: 'a' }, { generation: 4 })).not.toBe(first);
    expect(instance({ metaData: { 'instance-id': 'mine' } })).toBe('mine');
  });

  it('go word for word where somebody wrote documents', () => {
    const userData = '#cloud-config\nusers: [{name: a}]\n';
    const files = filesOf({ userData, users: [{ name: 'a' }], networkConfig: 'version: 2\n' });
    expect(files['cloud/user-data']).toBe(userData);
    expect(files['cloud/network-config']).toBe('version: 2\n');
    expect(withoutDigest(files['settings'])).toEqual(['user=a']);
    expect(cloud(files['cloud/meta-data'])).toMatchObject({ 'local-hostname': 'pi-0' });
  });

  it('have the network as wpa_supplicant reads it', () => {
    expect(filesOf(whole)['wpa_supplicant.conf']).toBe(
      `country=CH\nnetwork={\n\tssid=42c3bc726f\n\tpsk=${'0a'.repeat(32)}\n\tscan_ssid=1\n}\n`,
    );
    expect(filesOf({ wlan: { ssid: 'open' } })['wpa_supplicant.conf']).toBe(
      'network={\n\tssid=6f70656e\n\tkey_mgmt=NONE\n}\n',
    );
    expect(filesOf({ wlan: { country: 'CH' } })['wpa_supplicant.conf']).toBe('country=CH\n');
    expect(filesOf({ hostname: 'a' })['wpa_supplicant.conf']).toBeUndefined();
  });
});

describe('first-boot settings as they are shown', () => {
  const settings = FirstBootSettings.parse({
    hostname: 'a',
    users: [{ name: 'anna', passwordHash }, { name: 'bert' }],
    wlan: { ssid: 'x', psk: 'ab'.repeat(32) },
    userData: `#cloud-config\npassword: ${passwordHash}\n`,
    networkConfig: 'version: 2',
  });
  const record = { settings, warnings: ['w'], updatedAt: '2026-01-02T03:04:05.678Z' };

  it('have no hashes and no keys for anybody', () => {
    const shown = shownFirstBoot(record, true);
    expect(shown).toMatchObject({
      hostname: 'a',
      users: [
        { name: 'anna', hasPassword: true },
        { name: 'bert', hasPassword: false },
      ],
      wlan: { ssid: 'x', hasPsk: true },
      userData: settings.userData,
      hidden: [],
    });
    expect(JSON.stringify({ ...shown, userData: '' })).not.toMatch(/\$6\$|abab/);
  });

  it('have no documents for readers', () => {
    const shown = shownFirstBoot(record, false);
    expect(shown).toMatchObject({ hidden: ['userData', 'networkConfig'], warnings: ['w'] });
    expect(JSON.stringify(shown)).not.toMatch(/\$6\$|abab|cloud-config|version/);
  });
});
