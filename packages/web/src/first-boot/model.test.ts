import type { FirstBoot } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { firstBootFacts, noFirstBoot, readFirstBoot } from './model.js';

const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxl0rQ7yq4Qw0b9d1B2c3D4e5F6g7H8i9J0k1L2m3N4 anna@desk';
const fields = { ...noFirstBoot, form: 'fields' as const };
const file = (fileName: string, fileText: string) => ({ ...noFirstBoot, form: 'file' as const, fileName, fileText });

describe('fields', () => {
  it('say nothing unless somebody wants them to', () => {
    expect(readFirstBoot({ ...noFirstBoot, hostname: 'sign-17' })).toEqual({ ok: true, put: undefined });
  });

  it('are what was written: a user with keys, or keys of the first user', () => {
    const typed = { ...fields, hostname: 'sign-17', timezone: 'Europe/Zurich', keys: `# mine\n${key}\n\n` };
    expect(readFirstBoot(typed)).toMatchObject({
      ok: true,
      put: { hostname: 'sign-17', timezone: 'Europe/Zurich', sshEnabled: true, authorizedKeys: [key] },
    });
    expect(readFirstBoot({ ...typed, user: 'anna', sudo: false })).toMatchObject({
      ok: true,
      put: { users: [{ name: 'anna', authorizedKeys: [key], sudo: false, takesOver: true }] },
    });
  });

  it.each([
    [{ hostname: 'sign_17' }, 'hostname is not a host name'],
    [{ timezone: 'Zurich time' }, 'timezone is not a time zone'],
    [{ user: 'Anna' }, 'users.0.name is not a user name'],
    [{ keys: 'my key' }, 'authorizedKeys.0 is not a line of authorized_keys'],
    [{ ssh: false }, 'says nothing'],
  ])('that cannot be say why: %j', (change, problem) => {
    const read = readFirstBoot({ ...fields, ...change });
    expect(read.ok ? '' : read.problem).toContain(problem);
  });
});

describe('a file', () => {
  it('is taken for what it is', () => {
    const toml = '[system]\nhostname = "sign-17"\n';
    const cloud = '#cloud-config\nhostname: sign-17\n';
    expect(readFirstBoot(file('custom.toml', toml))).toMatchObject({ put: { customToml: toml } });
    expect(readFirstBoot(file('user-data', cloud))).toMatchObject({ put: { userData: cloud } });
    expect(readFirstBoot(file('settings.json', '{"hostname":"sign-17"}'))).toMatchObject({
      put: { hostname: 'sign-17' },
    });
  });

  it('has to be there, and to be readable', () => {
    expect(readFirstBoot(file('', ''))).toEqual({ ok: false, problem: 'Choose a file.' });
    expect(readFirstBoot(file('a.json', '{'))).toEqual({ ok: false, problem: 'a.json is not JSON.' });
    expect(readFirstBoot(file('a.json', '{"host":1}'))).toMatchObject({ ok: false });
  });
});

it('tells what is kept, without what is not there', () => {
  const kept: FirstBoot = {
    hostname: 'sign-17',
    users: [{ name: 'anna', hasPassword: false, authorizedKeys: [key], sudo: true, takesOver: true, groups: [] }],
    hidden: ['userData'],
    warnings: [],
    updatedAt: '2026-11-30T12:00:00.000Z',
  };
  expect(firstBootFacts(kept)).toEqual([
    ['Host name', 'sign-17'],
    ['User', 'anna, without a password, 1 key, sudo, in place of the image’s first user'],
    ['Not shown', 'userData: for operators'],
  ]);
});
