import { describe, expect, it } from 'vitest';
import { DeviceFilePath, DeviceFilePut } from './device-file.js';

describe('the path of a file of a device', () => {
  it.each(['/etc/motd', '/piConfig/disks.json', '/home/pi/ö ä', '/etc/drover/token', '/a/..b/c.'])(
    'may be %s',
    (path) => {
      expect(DeviceFilePath.parse(path)).toBe(path);
    },
  );
  it.each([
    ['etc/motd', 'absolute'],
    ['/', 'absolute'],
    ['/etc/', 'absolute'],
    ['//etc', 'absolute'],
    ['/etc/../shadow', '..'],
    ['/./etc', '..'],
    ['/etc/a\nb', 'absolute'],
    ['/proc/sys/x', 'keeps nothing'],
    ['/run/drover/x', 'keeps nothing'],
    ['/lib/drover/up', 'keeps nothing'],
    [`/${'a'.repeat(101)}`, 'absolute'],
  ])('is not %j', (path, why) => {
    expect(DeviceFilePath.safeParse(path).error?.issues[0]?.message).toContain(why);
  });
});

describe('a file of a device', () => {
  it('is readable by all and owned by root unless told otherwise', () => {
    expect(DeviceFilePut.parse({ path: '/a', content: '' })).toEqual({
      ...{ path: '/a', content: '', mode: '0644', uid: 0, gid: 0 },
    });
  });
  it.each([{ mode: '888' }, { mode: '07777' }, { uid: -1 }, { gid: 1e6 }, { content: 'no base64!' }])(
    'is not one with %j',
    (change) => {
      expect(DeviceFilePut.safeParse({ path: '/a', content: '', ...change }).success).toBe(false);
    },
  );
});
