import { describe, expect, it } from 'vitest';
import { digest, inlineText, kernel, part, treeOf } from '../../test/boot/fixtures.js';
import type { BootTree } from './boot-plan.js';
import { bootSetFiles, setId, sourcesKey, sumsFile, type SetSources } from './boot-set.js';

const v8 = kernel('kernel8.img', 'arm64', '6.6-v8');
const sources: SetSources = {
  tree: digest('e'),
  initramfs: [
    part('common', 'arm64', null),
    { ...part('card', 'arm64', null), blob: digest('7') },
    part('modules', 'arm64', '6.6-v8'),
  ],
};
const filesOf = (tree: BootTree, from = sources) => {
  const made = bootSetFiles(tree, from, digest('9'));
  return made.ok ? made.files : expect.fail(made.reason);
};
const textAt = (tree: BootTree, path: string): string =>
  inlineText(filesOf(tree).find((file) => file.path === path)?.source);
const ours = '[all]\nauto_initramfs=0\ninitramfs drover.img followkernel\n';

describe('a set of boot files', () => {
  const tree = treeOf(
    [
      ...['bootcode.bin', 'start4.elf', 'START4CD.ELF', 'fixup4.dat', 'boot.sig', 'recovery.bin', 'pieeprom.upd'],
      ...['kernel8.img', 'initramfs8', 'autoboot.txt', 'tryboot.txt', 'bcm2711-rpi-4-b.dtb', 'overlays/a.dtbo'],
      ...['drover/card.conf', 'drover/a/kernel8.img', 'config.txt', 'cmdline.txt', 'SHA256SUMS'],
    ],
    { kernelFiles: [v8], config: 'arm_64bit=1\n', cmdline: 'console=tty1 root=/dev/mmcblk0p2 rootwait quiet' },
  );

  it('has what the image boots with, and no firmware', () => {
    expect(filesOf(tree).map(({ path }) => path)).toEqual([
      'bcm2711-rpi-4-b.dtb',
      'cmdline.txt',
      'config.txt',
      'drover.img',
      'kernel8.img',
      'overlays/README',
      'overlays/a.dtbo',
    ]);
  });

  it('says which set it is, once it has a name', () => {
    expect(textAt(tree, 'cmdline.txt')).toBe(`console=tty1 quiet drover.boot=${digest('9')}\n`);
    const unnamed = bootSetFiles(tree, sources);
    const cmdline = unnamed.ok ? unnamed.files.find(({ path }) => path === 'cmdline.txt') : undefined;
    expect(inlineText(cmdline?.source)).toBe('console=tty1 quiet\n');
    expect(textAt(tree, 'config.txt')).toBe(`arm_64bit=1\n${ours}`);
  });

  it('starts an initramfs with the part for cards', () => {
    const segments = filesOf(tree).find(({ path }) => path === 'drover.img')?.source.segments ?? [];
    expect(segments.map((segment) => ('blob' in segment ? segment.blob[0] : ''))).toEqual(['c', '7', 'd']);
  });

  it('is another one when anything that is in it is', () => {
    const sum = (path: string, name: string) => ({ path, sha256: digest(name) });
    const others = [
      [sum('a', '1'), sum('b', '2')],
      [sum('a', '1'), sum('b', '3')],
      [sum('a', '1'), sum('c', '2')],
      [sum('a', '1')],
    ];
    expect(new Set(others.map(setId)).size).toBe(others.length);
  });

  it('is looked at again when anything that it is made from is another', () => {
    const others = [
      sources,
      { ...sources, tree: digest('1') },
      { ...sources, initramfs: sources.initramfs.slice(1) },
      { ...sources, initramfs: sources.initramfs.map((each) => ({ ...each, blob: digest('1') })) },
    ];
    expect(new Set(others.map(sourcesKey)).size).toBe(others.length);
    expect(sourcesKey({ ...sources })).toBe(sourcesKey(sources));
  });

  it('lists its files as sha256sum reads them', () => {
    const { path, source } = sumsFile([{ path: 'overlays/a.dtbo', sha256: digest('1') }]);
    expect([path, inlineText(source)]).toEqual(['SHA256SUMS', `${digest('1')}  overlays/a.dtbo\n`]);
  });

  it('is refused for an image without a kernel', () => {
    expect(bootSetFiles(treeOf(['config.txt']), sources)).toEqual({ ok: false, reason: 'it has no kernel' });
  });

  it('is refused for a path that no archive holds', () => {
    const long = `${'x'.repeat(120)}.dtb`;
    expect(bootSetFiles(treeOf([long], { kernelFiles: [v8] }), sources)).toMatchObject({ ok: false });
  });
});

describe('an image with a prefix of its own', () => {
  const tree = treeOf(
    ['config.txt', 'cmdline.txt', 'current/kernel8.img', 'current/cmdline.txt', 'current/overlays/README', 'a.dtb'],
    {
      kernelFiles: [kernel('current/kernel8.img', 'arm64', '6.6-v8')],
      config: 'kernel=kernel8.img\n[all]\nos_prefix=current/\n[tryboot]\nos_prefix=new/\n',
      cmdline: 'console=tty1 old',
      texts: { 'current/cmdline.txt': 'console=tty1 new\n', 'cmdline.txt': 'console=tty1 old' },
    },
  );

  it('has the files of that prefix in the set itself', () => {
    expect(filesOf(tree).map(({ path }) => path)).toEqual([
      'a.dtb',
      'cmdline.txt',
      'config.txt',
      'drover.img',
      'kernel8.img',
      'overlays/README',
    ]);
    expect(textAt(tree, 'cmdline.txt')).toMatch(/^console=tty1 new drover\.boot=/);
    expect(textAt(tree, 'config.txt')).toBe(`kernel=kernel8.img\n[all]\n[tryboot]\n${ours}`);
  });

  it('is refused when it depends on the board', () => {
    const config = '[pi4]\nos_prefix=four/\n[pi5]\nos_prefix=five/\n';
    expect(bootSetFiles({ ...tree, config }, sources)).toEqual({
      ok: false,
      reason: 'its config.txt has more than one os_prefix: four/, five/',
    });
  });
});

describe('an image whose config.txt includes others', () => {
  const config = (text: string, texts: Record<string, string>): string =>
    textAt(treeOf(['config.txt', ...Object.keys(texts)], { kernelFiles: [v8], config: text, texts }), 'config.txt');

  it('has all of it in one', () => {
    const tree = treeOf(['usercfg.txt'], {
      kernelFiles: [v8],
      config: 'a=1\ninclude usercfg.txt\nb=2\n',
      texts: { 'usercfg.txt': 'x=1\ninitramfs initrd.img followkernel\n' },
    });
    expect(textAt(tree, 'config.txt')).toBe(`a=1\nx=1\nb=2\n${ours}`);
    expect(filesOf(tree).map(({ path }) => path)).not.toContain('usercfg.txt');
  });

  it('keeps each setting below the filters it stood below', () => {
    expect(
      config('[pi4]\na=1\ninclude four.txt\nb=2\n', { 'four.txt': 'c=3\n[all]\nd=4\n[pi5]\ne=5\n[edid=x]\nf=6' }),
    ).toBe(`[all]\n[pi4]\na=1\nc=3\nd=4\nb=2\n${ours}`);
    expect(config('include x.txt\ny=1\n', { 'x.txt': '[pi4]\nx=1\r\n[gpio4=1]\nz=1\n' })).toBe(
      `[all]\n[pi4]\nx=1\n[all]\n[pi4]\n[gpio4=1]\nz=1\n[all]\ny=1\n${ours}`,
    );
  });

  it('ends, whoever includes whom', () => {
    expect(config('include a.txt\n', { 'a.txt': 'x=1\ninclude a.txt\n' })).toMatch(/^(x=1\n)+\[all\]/);
  });
});
