import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configArchive } from './config-archive.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Path and text of each file, as the headers say. */
function filesOf(archive: Buffer): Record<string, string> {
  const files: Record<string, string> = {};
  for (let at = 0; archive[at] !== 0;) {
    const path = archive.toString('utf8', at, archive.indexOf(0, at));
    const size = Number.parseInt(archive.toString('latin1', at + 124, at + 135), 8);
    files[path] = archive.toString('utf8', at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

describe('the archive of a boot config', () => {
  it('is the document and nothing else where it says nothing', () => {
    expect(filesOf(configArchive('{}'))).toEqual({ 'config.json': '{}' });
    expect(filesOf(configArchive('{ "bootcode": "", "config": {} }\n'))).toEqual({
      'config.json': '{ "bootcode": "", "config": {} }\n',
    });
  });

  it('has scripts, settings and keys in files of their own', () => {
    const text = JSON.stringify({
      bootcode: base64('#!/bin/sh\necho boot\n'),
      usercode: base64('echo user\n'),
      config: {
        wpa_supplicant: base64('network={}\n'),
        sdlayout: base64('label: dos\n'),
        autoupdate: true,
        update: { window: '02:00-04:00' },
        ssh: { root: { authorized_keys: ['ssh-ed25519 C'] }, pi: { authorized_keys: ['ssh-rsa A a', ' ssh-rsa B '] } },
      },
    });
    expect(filesOf(configArchive(text))).toEqual({
      'config.json': text,
      bootcode: '#!/bin/sh\necho boot\n',
      usercode: 'echo user\n',
      'wpa_supplicant.conf': 'network={}\n',
      sdlayout: 'label: dos\n',
      settings: 'autoupdate=yes\nupdateWindow=02:00-04:00\n',
      'authorized_keys/': '',
      'authorized_keys/pi': 'ssh-rsa A a\nssh-rsa B\n',
      'authorized_keys/root': 'ssh-ed25519 C\n',
    });
  });

  it('takes no user for a path, and no key that is more than a line', () => {
    const ssh = {
      '../etc': { authorized_keys: ['ssh-rsa A'] },
      pi: { authorized_keys: ['ssh-rsa A\ncommand', 7, ''] },
      x: [],
    };
    expect(Object.keys(filesOf(configArchive(JSON.stringify({ config: { ssh } }))))).toEqual(['config.json']);
  });

  it('has the same bytes each time, of whatever is stored', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const archive = configArchive(text);
        expect(configArchive(text).equals(archive)).toBe(true);
        expect(filesOf(archive)['config.json']).toBe(text);
        expect(archive.length % 512).toBe(0);
      }),
    );
  });
});
