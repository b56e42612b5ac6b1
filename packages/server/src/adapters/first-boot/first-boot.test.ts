import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstBootLimits, FirstBootPut, FirstBootSettings } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import { createFirstBootReader } from './index.js';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb0example0000000000000000000000000000 me@here';
const hash = '$6$saltsaltsalt$0123456789abcdef./ABCDEF';
const reader = createFirstBootReader(createToolRunner());

async function read(put: FirstBootPut) {
  const result = await reader.read(put);
  return result.ok ? result.value : expect.fail(`${result.code}: ${result.detail}`);
}
async function errorsOf(put: FirstBootPut): Promise<string[]> {
  const result = await reader.read(put);
  if (result.ok) return expect.fail('it was taken');
  expect(result.code).toBe('request.invalid');
  return (result.errors ?? []).map(({ field, message }) => `${field} ${message}`);
}

describe('a custom.toml', () => {
  const whole = `# Raspberry Pi First Boot Setup
config_version = 1

[system]
hostname = "sign-17"

[user]
name = "anna"
password = "${hash}"
password_encrypted = true

[ssh]
enabled = true
password_authentication = false
authorized_keys = ["${key}"]

[wlan]
ssid = "Büro"
password = "${'0A'.repeat(32)}"
password_encrypted = true
hidden = true
country = "CH"

[locale]
keymap = "ch"
timezone = "Europe/Zurich"
`;

  it('is read as Raspberry Pi OS reads it', async () => {
    expect(await read({ customToml: whole })).toEqual({
      warnings: [],
      settings: {
        hostname: 'sign-17',
        timezone: 'Europe/Zurich',
        keymap: 'ch',
        sshEnabled: true,
        sshPasswordAuthentication: false,
        authorizedKeys: [key],
        users: [{ name: 'anna', passwordHash: hash, authorizedKeys: [], sudo: true, groups: [], takesOver: true }],
        wlan: { ssid: 'Büro', psk: '0a'.repeat(32), hidden: true, country: 'CH' },
      },
    });
  });

  it('has its plain passwords made into hashes, as openssl and wpa_supplicant check them', async () => {
    const plain = 'correct horse & "battery"';
    const { settings } = await read({
      customToml: `config_version = 1
[user]
name = "anna"
password = '${plain}'
password_encrypted = false
[wlan]
ssid = "IEEE"
password = "password"
password_encrypted = false
`,
    });
    const made = settings.users?.[0]?.passwordHash ?? '';
    const [, , salt = ''] = made.split('$');
    expect(execFileSync('openssl', ['passwd', '-6', '-salt', salt, plain]).toString().trim()).toBe(made);
    // Test vector of IEEE 802.11, J.4.2.
    expect(settings.wlan?.psk).toBe('f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e');
    expect(JSON.stringify(settings)).not.toMatch(/battery|"password"/);
  });

  it('that says nothing says nothing, and what nobody reads is named', async () => {
    const { settings, warnings } = await read({
      customToml: '[system]\nhostname = ""\nfqdn = "a.b"\n[video]\nmode = 1\n[user]\nname = ""\n',
    });
    expect(settings).toEqual({});
    expect(warnings).toEqual([
      'system.fqdn is not read here: nothing is done with it',
      'video is no section of a custom.toml: nothing is done with it',
      'config_version is missing: taken as 1',
    ]);
  });

  it.each([
    ['config_version = 2', 'customToml.config_version is not 1'],
    ['[system]\nhostname = "a b"', 'customToml.system.hostname is not a host name'],
    ['[user]\npassword = "x"', 'customToml.user.name is missing'],
    ['[user]\nname = "a"\npassword = "raspberry"', 'customToml.user.password is not the hash of a password'],
    [
      '[user]\nname = "a"\npassword = "a\\u0000b"\npassword_encrypted = false',
      'customToml.user.password holds control',
    ],
    [
      `[user]\nname = "a"\npassword = "${'ö'.repeat(128)}"\npassword_encrypted = false`,
      'customToml.user.password is longer',
    ],
    [`[wlan]\nssid = "${'ö'.repeat(17)}"`, 'customToml.wlan.ssid is longer than 32 bytes'],
    ['[user]\nname = "root:x"', 'customToml.user.name is not a user name'],
    ['[ssh]\nauthorized_keys = ["a"]', 'customToml.ssh.authorized_keys.0 is not a line of authorized_keys'],
    ['[ssh]\nenabled = "yes"', 'customToml.ssh.enabled is not true or false'],
    [
      '[wlan]\nssid = "a"\npassword = "short"\npassword_encrypted = false',
      'customToml.wlan.password is not a passphrase',
    ],
    ['[wlan]\nssid = "a"\npassword = "open sesame"', 'customToml.wlan.password is not a key of 64 hex digits'],
    ['[locale]\ntimezone = "../../etc/shadow"', 'customToml.locale.timezone is not a time zone'],
    ['[system\nhostname = 1', 'customToml is no TOML in line 1'],
  ])('is refused by the name of the key: %j', async (customToml, error) => {
    expect(await errorsOf({ customToml })).toEqual([expect.stringContaining(error)]);
  });
});

describe('a user-data', () => {
  it('is kept word for word, and what images without cloud-init get is taken from it', async () => {
    const userData = `#cloud-config
hostname: sign-17
timezone: Europe/Zurich
locale: de_CH.UTF-8
keyboard: {layout: ch, variant: de}
ssh_pwauth: no
ssh_authorized_keys:
  - ${key}
users:
  - default
  - name: anna
    gecos: Anna
    groups: [adm, video]
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
    shell: /bin/bash
    lock_passwd: false
    passwd: ${hash}
    ssh_authorized_keys: ${key}
  - name: bert
    groups: adm, video
    sudo: ALL=(ALL) ALL
    passwd: ${hash}
packages: [htop]
`;
    const { settings, warnings } = await read({ userData });
    expect(settings).toEqual({
      userData,
      hostname: 'sign-17',
      timezone: 'Europe/Zurich',
      locale: 'de_CH.UTF-8',
      keymap: 'ch',
      sshPasswordAuthentication: false,
      authorizedKeys: [key],
      users: [
        {
          ...{ name: 'anna', passwordHash: hash, authorizedKeys: [key], sudo: true, shell: '/bin/bash' },
          ...{ groups: ['adm', 'video'], takesOver: false },
        },
        { name: 'bert', authorizedKeys: [], sudo: false, groups: ['adm', 'video'], takesOver: false },
      ],
    });
    expect(warnings).toEqual([
      'keyboard.variant is left to images with cloud-init',
      'users.1.gecos is left to images with cloud-init',
      'users.2.passwd is locked, as lock_passwd is not false',
      'users.2.sudo is left to images with cloud-init',
      'packages is left to images with cloud-init',
    ]);
  });

  it('may be odd: that is for cloud-init', async () => {
    const userData =
      '#cloud-config\nhostname: a b\ntimezone: ../x\nusers:\n  - {name: Anna}\n  - 7\nssh_pwauth: maybe\n';
    const { settings, warnings } = await read({ userData });
    expect(settings).toEqual({ userData, users: [] });
    expect(warnings.map((line) => line.split(' ')[0])).toEqual([
      'hostname',
      'timezone',
      'users.0',
      'users.1',
      'ssh_pwauth',
    ]);
  });

  it('that is a script is left to cloud-init as a whole', async () => {
    const { settings, warnings } = await read({ userData: '#!/bin/sh\necho \x1b[31mhostname: a\n' });
    expect(Object.keys(settings)).toEqual(['userData']);
    expect(warnings).toEqual([
      expect.stringMatching(/^userData begins with #!\/bin\/sh, .*only images with cloud-init/),
    ]);
  });

  it.each([
    [{ userData: '#cloud-config\na: [1\n' }, 'userData is no YAML in line'],
    [{ userData: '#cloud-config\n- a\n' }, 'userData is no map'],
    [{ userData: `#cloud-config\n${'['.repeat(5_000)}` }, 'userData is nested too deeply'],
    [{ hostname: 'a', networkConfig: 'just words' }, 'networkConfig is no map'],
    [{ hostname: 'a', metaData: '- 1' }, 'metaData is no map'],
  ])('with other documents is refused by its name: %#', async (put, error) => {
    expect(await errorsOf(put)).toEqual([expect.stringContaining(error)]);
  });

  it('does not grow in the reading', async () => {
    const bomb = Array.from({ length: 12 }, (_, n) => `a${n}: &a${n} [${n === 0 ? '1' : `*a${n - 1},`.repeat(9)}]`);
    expect(await errorsOf({ userData: `#cloud-config\n${bomb.join('\n')}\n` })).toEqual([
      expect.stringMatching(/^userData (cannot be read|has more than 100 aliases)/),
    ]);
    const tall = Array.from(
      { length: 9 },
      (_, n) => `a${n}: &a${n} ${'['.repeat(20)}${n === 0 ? '' : `*a${n - 1}`}${']'.repeat(20)}`,
    );
    expect(await errorsOf({ hostname: 'a', metaData: `${tall.join('\n')}\n` })).toEqual([
      'metaData is nested too deeply',
    ]);
    const many = { ssh_authorized_keys: Array.from({ length: 65 }, () => key) };
    const { settings, warnings } = await read({ userData: `#cloud-config\n${JSON.stringify(many)}` });
    expect(settings.authorizedKeys).toBeUndefined();
    expect(warnings).toHaveLength(1);
    const unknown = Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`key${n}`, 1]));
    expect((await read({ userData: `#cloud-config\n${JSON.stringify(unknown)}` })).warnings).toHaveLength(51);
  });
});

describe('fields', () => {
  it('are taken as they are, and all together have an end', async () => {
    expect((await read({ hostname: 'a', metaData: 'instance-id: b\nday: 2026-01-02\n' })).settings).toEqual({
      hostname: 'a',
      metaData: { 'instance-id': 'b', day: '2026-01-02T00:00:00.000Z' },
    });
    const keys = Array.from({ length: 40 }, () => `${key}${'x'.repeat(7_900)}`);
    expect(await errorsOf({ authorizedKeys: keys })).toEqual([
      expect.stringContaining(`${firstBootLimits.bytes} bytes`),
    ]);
  });
});

describe('the page', () => {
  const page = readFileSync(new URL('../../../../../docs/how-to/first-boot.md', import.meta.url), 'utf8');
  const example = (language: string): string =>
    new RegExp(`^\`\`\`${language}\\n([^]*?)\`\`\`$`, 'm').exec(page)?.[1] ?? expect.fail(`no ${language}`);

  it('shows all three forms as they can be sent', async () => {
    const forms = [
      { customToml: example('toml') },
      { userData: example('yaml') },
      JSON.parse(example('json')) as Record<string, unknown>,
    ];
    for (const form of forms) {
      const { settings, warnings } = await read(FirstBootPut.parse(form));
      expect(warnings).toEqual([]);
      expect(settings).toMatchObject({ hostname: 'sign-17', timezone: 'Europe/Zurich', users: [{ name: 'anna' }] });
    }
  });
});

/** Pieces that documents are made of, in any order. */
const piece = fc.oneof(
  fc.constantFrom(
    ...[
      '[user]\n',
      '[wlan]\n',
      '[ssh]\n',
      'name = ',
      'password = ',
      'ssid = ',
      '"a"\n',
      "'''",
      '= 1\n',
      'true\n',
      '[[',
      ']]',
    ],
    ...[
      'users:\n',
      '  - ',
      'name: ',
      '&a ',
      '*a ',
      '<<: ',
      '!!set ',
      '? ',
      '{',
      '}',
      '[',
      ']',
      '|\n',
      '%TAG ! x\n',
      '---\n',
    ],
    ...['__proto__', 'constructor', 'hostname', 'authorized_keys', '\t', '\r', '\u2028', '9'.repeat(400), '2026-01-01'],
  ),
  fc.string(),
);
const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));

describe('whatever somebody writes', () => {
  const check = async (put: FirstBootPut): Promise<void> => {
    const result = await reader.read(put);
    const said = result.ok ? result.value.warnings : (result.errors ?? []).map(({ message }) => message);
    for (const line of said) expect(line.length).toBeLessThan(400);
    for (const line of said) expect(line).not.toMatch(/\p{Cc}/u);
    if (result.ok) expect(FirstBootSettings.safeParse(result.value.settings).success).toBe(true);
  };
  it('is read or refused, as TOML', async () => {
    await fc.assert(fc.asyncProperty(text, (customToml) => check({ customToml })));
  });
  it('is read or refused, as YAML', async () => {
    await fc.assert(fc.asyncProperty(text, (rest) => check({ userData: `#cloud-config\n${rest}` })));
    await fc.assert(fc.asyncProperty(text, (metaData) => check({ hostname: 'a', metaData })));
  });
  it('is read or refused, as a map of anything', async () => {
    const names = fc.constantFrom(
      'users',
      'hostname',
      'ssh_pwauth',
      'ssh_authorized_keys',
      'keyboard',
      'name',
      'sudo',
      'groups',
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue({ maxDepth: 1 }),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(names, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(fc.dictionary(names, tree), (map) =>
        check({ userData: `#cloud-config\n${JSON.stringify(map)}` }),
      ),
    );
  });
});
