import { describe, expect, it } from 'vitest';
import { BootDocument } from '@drover/contract';
import { hasSecrets, maskChange, maskDocument, maskEffective } from './config-secrets.js';

const encoded = (text: string): string => Buffer.from(text).toString('base64');
const decoded = (text: unknown): string => Buffer.from(String(text), 'base64').toString();
const configOf = (config: Record<string, unknown>): unknown => maskDocument({ config }).config;

const wpa = `country=DE
ctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev
update_config=1

network={
\tssid="the barn"
\t#psk="plain words"
\tpsk=59e0d07fa4c7741797a4e394f38a5c321e3bed51d54ad5fcbd3f84bc7415d73d
\tkey_mgmt=WPA-PSK
}
network={
  ssid="x" psk="on one line"
  identity="anna"
  password="hush"
  wep_key0="hush2"
  phase2="auth=MSCHAPV2 password=hush3"
  pin: hush4
}
`;

describe('a boot config without its secrets', () => {
  it('has the networks of wpa_supplicant without what opens them, and is a document still', () => {
    const masked = maskDocument({ config: { wpa_supplicant: encoded(wpa) } });
    expect(BootDocument.safeParse(masked).success).toBe(true);
    const text = decoded(masked.config?.['wpa_supplicant']);
    expect(text).toContain('network={\n\tssid="the barn"\n[hidden]\n\tpsk=[hidden]\n\tkey_mgmt=WPA-PSK\n}\n');
    for (const secret of ['plain words', '59e0d0', 'on one line', 'hush']) expect(text).not.toContain(secret);
  });

  it('shows nothing of a wpa_supplicant that is none', () => {
    expect(
      decoded(maskDocument({ config: { wpa_supplicant: encoded('hush hush\nhush') } }).config?.['wpa_supplicant']),
    ).toBe('[hidden]\n[hidden]');
  });

  it.each([
    'password',
    'wifiPassword',
    'PASSWD',
    'pass',
    'psk',
    'wpa_psk',
    'passphrase',
    'clientSecret',
    'api_token',
    'apiKey',
    'api-key',
    'key',
    'privateKey',
    'private_key',
    'credentials',
    'sim_pin',
  ])('hides %s, and all that is in it', (name) => {
    expect(configOf({ [name]: 'hush', app: { [name]: { a: 'hush', b: [1, 'hush', true, null] } } })).toEqual({
      [name]: '[hidden]',
      app: { [name]: { a: '[hidden]', b: ['[hidden]', '[hidden]', true, null] } },
    });
  });

  it('leaves what is no secret as it is', () => {
    const document = {
      image: 'sign:1',
      usercode: encoded('echo token=1'),
      bootcode: encoded('x'),
      rootfs: { url: 'http://10.0.0.1/images/global/a.sqsh?version=2', md5sum: '' },
      config: {
        ...{ autoupdate: true, ssh: { pi: { authorized_keys: ['ssh-ed25519 AAAA key@host'] } } },
        ...{
          persist: ['/var/lib/x'],
          compass: 'north',
          publicKey: 'RWQ',
          keyboard: 'de',
          monkey: 1,
          pinned: 2,
          passive: 'yes',
        },
        wpa_supplicant: encoded('country=DE\nnetwork={\n  ssid="open"\n  key_mgmt=NONE\n}\n'),
      },
    };
    expect(maskDocument(document)).toEqual(document);
    expect(hasSecrets(document)).toBe(false);
    expect(hasSecrets({ config: { password: 'x' } })).toBe(true);
  });

  it.each([
    ['http://anna:hush@10.0.0.1/root.sqsh', 'http://[hidden]@10.0.0.1/root.sqsh'],
    ['http://10.0.0.1/root.sqsh?a=1&apiKey=hush&b=2', 'http://10.0.0.1/root.sqsh?a=1&apiKey=[hidden]&b=2'],
    ['http://10.0.0.1:4567/images/hush/own/root.sqsh', 'http://10.0.0.1:4567/images/[hidden]/own/root.sqsh'],
  ])('hides the key in %s', (url, shown) => {
    const masked = maskDocument({ rootfs: { url, md5sum: '' }, config: { list: [url] } });
    expect(masked).toEqual({ rootfs: { url: shown, md5sum: '' }, config: { list: [shown] } });
    expect(BootDocument.safeParse(masked).success).toBe(true);
  });

  it('tells that a secret changed, and not to what', () => {
    expect(maskChange({ change: '~', path: 'config.wifi.password', before: 'old', after: 'new' })).toEqual({
      ...{ change: '~', path: 'config.wifi.password', before: '[hidden]', after: '[hidden]' },
    });
    expect(maskChange({ change: '+', path: 'config', after: { wifi: { password: 'new', ssid: 'a' } } })).toEqual({
      ...{ change: '+', path: 'config', after: { wifi: { password: '[hidden]', ssid: 'a' } } },
    });
    expect(maskChange({ change: '-', path: 'config.secrets[0]', before: 'old' })).toEqual({
      ...{ change: '-', path: 'config.secrets[0]', before: '[hidden]' },
    });
  });

  it('is masked value by value where it is explained', () => {
    const effective = maskEffective({
      layers: [{ ref: 'default', version: 1 }],
      document: { config: { wifi: { password: 'hush' } } },
      values: [
        { path: 'config.wifi.password', value: 'hush', layer: 'default' },
        { path: 'config["a.token"]', value: 'hush', layer: 'default' },
      ],
    });
    expect(JSON.stringify(effective)).not.toContain('hush');
    expect(effective.values.map(({ layer }) => layer)).toEqual(['default', 'default']);
  });
});
