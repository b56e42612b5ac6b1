import { rootCertificates } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { setOf, sumsOf, tarOf } from '../../test/support/set-archive.js';
import { pointerText, selfUpdatingFiles, type SelfUpdatingCard } from './files.js';

const set = {
  'kernel8.img': 'kernel',
  'overlays/x.dtbo': 'overlay',
  'cmdline.txt': 'quiet\n',
  'config.txt': 'arm_64bit=1\n',
  'drover.img': 'initramfs',
};
const key = `untrusted comment: drover\n${Buffer.concat([Buffer.from('Ed'), Buffer.alloc(40, 7)]).toString('base64')}\n`;
const card = (change: Partial<SelfUpdatingCard> = {}): SelfUpdatingCard => ({
  firmware: ['bootcode.bin', 'start4.elf', 'fixup4.dat', 'kernel8.img', 'config.txt', 'overlays/start.elf'].map(
    (path) => ({
      path,
      bytes: Buffer.from(path),
    }),
  ),
  ...{ set: setOf(set), settings: new Map([['server', 'http://192.0.2.1:8081']]), publicKey: key },
  ...change,
});
const texts = (of: SelfUpdatingCard): Record<string, string> =>
  Object.fromEntries(selfUpdatingFiles(of).map(({ path, bytes }) => [path, bytes.toString()]));

describe('a card that updates itself', () => {
  it('has the authority of an https server as well, and nothing else of that file', () => {
    const [authority = '', other = ''] = rootCertificates;
    const own = texts(card({ authority: `subject=some words\n${authority}\n${other}\n` }));
    expect(own['drover/card.ca']).toBe(`${authority}\n${other}\n`);
    expect(texts(card())).not.toHaveProperty(['drover/card.ca']);
    for (const wrong of ['', 'words', authority.replace(/[A-Z]{9}/, ''), `${authority}-----BEGIN PRIVATE KEY-----`])
      expect(() => texts(card({ authority: wrong }))).toThrow('no file of CA certificates');
  });

  it('has firmware, two pointers, settings, key and set a', () => {
    expect(texts(card())).toEqual({
      ...{ 'bootcode.bin': 'bootcode.bin', 'start4.elf': 'start4.elf', 'fixup4.dat': 'fixup4.dat' },
      'config.txt': '[all]\ninclude drover/boot.txt\n',
      'tryboot.txt': '[all]\ninclude drover/try.txt\n',
      ...{ 'drover/boot.txt': pointerText('a'), 'drover/try.txt': pointerText('a') },
      'drover/card.pub': key,
      'drover/card.conf': 'server=http://192.0.2.1:8081\n',
      ...Object.fromEntries(Object.entries(set).map(([path, content]) => [`drover/a/${path}`, content])),
      'drover/a/SHA256SUMS': sumsOf(set),
    });
    expect(texts(card({ settings: new Map() }))).not.toHaveProperty(['drover/card.conf']);
  });

  it.each(['a', 'b'] as const)('points at %s with one sector, in lines that firmware reads to their end', (name) => {
    const text = pointerText(name);
    expect(text).toHaveLength(512);
    expect(text.startsWith(`os_prefix=drover/${name}/\ninclude drover/${name}/config.txt\n#`)).toBe(true);
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThan(98);
    expect(text.endsWith('#\n')).toBe(true);
  });

  const files = Object.entries(set);
  const sums = ['SHA256SUMS', sumsOf(set)] as const;
  it.each([
    ['no tar', Buffer.from('x'.repeat(600)), 'no ustar archive'],
    ['one that is cut', setOf(set).subarray(0, 1024 + 100), 'no end'],
    ['one cut within a file', setOf({ ...set, z: 'y'.repeat(5000) }).subarray(0, 1024 * 7), 'ends within z'],
    ['no list', tarOf(files), 'SHA256SUMS is not its last file'],
    ['a list that is not the last', tarOf([sums, ...files]), 'SHA256SUMS is not its last file'],
    [
      'a changed file',
      tarOf([...files.slice(1), ['kernel8.img', 'Kernel'], sums]),
      'kernel8.img is not what SHA256SUMS says',
    ],
    ['a file that is not listed', tarOf([...files, ['more.txt', ''], sums]), 'more.txt is not what'],
    [
      'a file less',
      tarOf([...files.filter(([path]) => !path.startsWith('overlays')), sums]),
      'overlays/x.dtbo is missing',
    ],
    ['a list of something else', tarOf([...files, ['SHA256SUMS', 'hello\n']]), 'a line that is none'],
    ['a way out', setOf({ ...set, '../config.txt': '' }), 'no name for a file'],
    ['an absolute path', setOf({ ...set, '/config.txt': '' }), 'no name for a file'],
    ['a name FAT has not', setOf({ ...set, 'a:b': '' }), 'no name for a file'],
    ['a link', tarOf([...files, ['link', '', '2'], sums]), 'link is neither a file nor a folder'],
    ['two spellings', setOf({ ...set, 'CONFIG.TXT': '' }), 'twice, or in two spellings'],
    ['firmware', setOf({ ...set, 'start4.elf': '' }), 'start4.elf is firmware'],
    ['no kernel', setOf(Object.fromEntries(files.slice(1))), 'no kernel'],
  ])('is not made of a set that is %s', (_name, archive, why) => {
    expect(() => selfUpdatingFiles(card({ set: archive }))).toThrow(
      expect.objectContaining({
        refusal: expect.objectContaining({
          code: 'image.broken',
          detail: expect.stringContaining(why) as string,
        }) as unknown,
      }) as Error,
    );
  });

  it.each(['', 'untrusted comment: x\nRWQ=\n', key.replace('untrusted', 'trusted'), `${key}more\n`])(
    'is not made with a key that is none: %j',
    (publicKey) => {
      expect(() => selfUpdatingFiles(card({ publicKey }))).toThrow('public key');
    },
  );

  it('is not made without firmware', () => {
    expect(() => selfUpdatingFiles(card({ firmware: [] }))).toThrow('no start*.elf');
  });
});
