import { describe, expect, it } from 'vitest';
import {
  AuthorizedKey,
  FirstBootPut,
  HostName,
  Keymap,
  Locale,
  PasswordHash,
  TimeZone,
  UserName,
} from './first-boot.js';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGb0example0000000000000000000000000000 me@here';

describe('a form', () => {
  it.each([
    [UserName, 'pi', '_apt', 'a-b_c9'],
    [HostName, 'sign-17', 'PI', 'pi.example.org', 'a'],
    [TimeZone, 'UTC', 'Europe/Zurich', 'America/Argentina/Buenos_Aires', 'Etc/GMT+1', 'America/Port-au-Prince'],
    [Locale, 'C.UTF-8', 'de_CH.UTF-8', 'POSIX', 'ca_ES@valencia', 'en_GB'],
    [Keymap, 'gb', 'de', 'latam'],
    [PasswordHash, '$6$salt$0123456789abcdef', '$y$j9T$abcdefgh$ABCDEFGHIJKL', '$5$rounds=5000$salt$01234567'],
    [AuthorizedKey, key, `from="10.0.0.0/8",no-pty ${key}`, `sk-ssh-ed25519@openssh.com ${'A'.repeat(40)}`],
  ])('takes what it is for (%#)', (schema, ...values) => {
    for (const value of values) expect(schema.parse(value)).toBe(value);
  });

  it.each([
    [UserName, 'Pi', '9a', '-a', '', 'a'.repeat(33), 'a:b', 'a b', 'root\n'],
    [HostName, '-a', 'a-', 'a..b', 'a_b', 'a b', `${'a'.repeat(63)}.b`, 'x;y', 'a\n'],
    [TimeZone, '../etc/shadow', 'Europe/../x', '/etc/passwd', 'Europe/', 'a.b', 'Europe/Zurich\n', 'a/b/c/d'],
    [Locale, 'de_CH.UTF-8\n', '../x', 'de CH', '$(id)'],
    [Keymap, 'gb\n', 'GB', '"', 'a'],
    [PasswordHash, 'raspberry', '$6$salt', '$6$salt$hash:0:', '$6$salt$01234567\n', '!', '*', ''],
    [AuthorizedKey, `${key}\n${key}`, 'me@here', 'ssh-ed25519', `${key}\x1b[2J`, `# ${'a'.repeat(20)}`],
  ])('refuses what is not (%#)', (schema, ...values) => {
    for (const value of values) expect(schema.safeParse(value).success, JSON.stringify(value)).toBe(false);
  });
});

describe('first-boot settings', () => {
  it('are given as fields, as custom.toml or as user-data, and not as two of them', () => {
    expect(FirstBootPut.safeParse({ hostname: 'a' }).success).toBe(true);
    expect(FirstBootPut.safeParse({ hostname: 'a', networkConfig: 'version: 2' }).success).toBe(true);
    expect(FirstBootPut.safeParse({ customToml: 'config_version = 1' }).success).toBe(true);
    const wrong = FirstBootPut.safeParse({ customToml: 'config_version = 1', hostname: 'a' });
    expect(wrong.error?.issues).toMatchObject([
      { path: ['hostname'], message: expect.stringContaining('either') as string },
    ]);
    expect(FirstBootPut.safeParse({ customToml: 'x', userData: 'y' }).success).toBe(false);
    expect(FirstBootPut.safeParse({}).success).toBe(false);
  });

  it.each([
    { users: [{ name: 'a' }, { name: 'a' }] },
    {
      users: [
        { name: 'a', takesOver: true },
        { name: 'b', takesOver: true },
      ],
    },
    { users: [{ name: 'a', password: 'plain' }] },
    { users: [{ name: 'a', shell: '/bin/../tmp/x' }] },
    { users: [{ name: 'a', shell: 'bash' }] },
    { users: Array.from({ length: 17 }, (_, index) => ({ name: `u${index}` })) },
    { wlan: { psk: '0'.repeat(64) } },
    { wlan: { ssid: 'ö'.repeat(17) } },
    { wlan: { ssid: 'a\nb' } },
    { wlan: { ssid: 'a', psk: 'plain password' } },
    { wlan: { country: 'ch' } },
    { userData: '#cloud-config\n'.padEnd(65_537, '#') },
    { userData: '#cloud-config\0' },
    { unknown: 1 },
  ])('are not %j', (put) => {
    expect(FirstBootPut.safeParse(put).success).toBe(false);
  });
});
