import { describe, expect, it } from 'vitest';
import { firstBootText, formOf } from './first-boot.js';

describe('a file of first-boot settings', () => {
  it.each([
    ['custom.toml', '', 'customToml'],
    ['/boot/Custom.TOML', '{', 'customToml'],
    ['a.json', '', 'json'],
    ['user-data', 'hostname: a', 'userData'],
    ['pi.yaml', '', 'userData'],
    ['pi', '#cloud-config\nhostname: a', 'userData'],
    ['pi', '#!/bin/sh\n', 'userData'],
    ['pi', '\n {"hostname": "a"}', 'json'],
    ['pi', '# Raspberry Pi First Boot Setup\nconfig_version = 1', 'customToml'],
  ])('%s that begins with %j is taken as %s', (path, text, form) => {
    expect(formOf(path, text)).toBe(form);
  });
});

describe('first-boot settings for a person', () => {
  it('are lines of what is set', () => {
    const text = firstBootText({
      hostname: 'sign-17',
      sshPasswordAuthentication: false,
      users: [
        {
          ...{ name: 'anna', hasPassword: true, authorizedKeys: ['k'], sudo: true, takesOver: true, groups: ['adm'] },
        },
      ],
      wlan: { ssid: 'B\x1b[2Jro', hasPsk: true, hidden: false, country: 'CH' },
      ...{ hidden: ['userData'], warnings: [], updatedAt: new Date().toISOString() },
    });
    expect(text.split('\n').slice(0, -2)).toEqual([
      'hostname\tsign-17',
      'ssh passwords\tno',
      "user\tanna, with a password, 1 key, sudo, in place of the image's first user, groups adm",
      expect.stringMatching(/^wlan\tB\P{Cc}*2Jro, CH$/u),
      'not shown to this key\tuserData',
    ]);
  });
});
