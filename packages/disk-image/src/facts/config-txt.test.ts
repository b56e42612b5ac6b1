import { describe, expect, it } from 'vitest';
import { includedFiles, settingsFor } from './config-txt.js';

const text = `# comment
arm_64bit=1
kernel = one.img # not two
[pi3]
kernel=three.img
[pi3+]
kernel=three-plus.img
[0x12345678]
kernel=serial.img
[pi4]
kernel=serial-and-four.img
[all]
[none]
kernel=none.img
[constructor]
kernel=odd.img
[all]
[PI5]
KERNEL=five.img
[all]
dtparam=audio=on
`;

describe('settingsFor', () => {
  it.each([
    ['pi1', 'one.img'],
    ['pi3', 'three.img'],
    ['pi3+', 'three-plus.img'],
    ['pi4', 'one.img'],
    ['cm5', 'five.img'],
  ] as const)('takes for %s the last setting that holds', (model, kernel) => {
    const settings = settingsFor(text, model);
    expect(settings.get('kernel')).toBe(kernel);
    expect(settings.get('arm_64bit')).toBe('1');
    expect(settings.get('dtparam')).toBe('audio=on');
  });

  it('reads Windows line ends and empty values', () => {
    expect([...settingsFor('kernel=\r\nos_prefix=a/\r\n', 'pi4')]).toEqual([
      ['kernel', ''],
      ['os_prefix', 'a/'],
    ]);
  });
});

describe('includedFiles', () => {
  it('lists what include lines name', () => {
    expect(includedFiles('include syscfg.txt\n #include no.txt\n  include usercfg.txt  \nincluded=1')).toEqual([
      'syscfg.txt',
      'usercfg.txt',
    ]);
  });
});
