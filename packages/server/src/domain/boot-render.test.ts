import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviceOf, inlineText, kernel, part, planOf, sessionOf, treeOf } from '../../test/boot/fixtures.js';
import type { BootTree } from './boot-plan.js';
import { concatenate, renderOverlay } from './boot-render.js';
import { networkBootFile } from './boot-scripts.js';
import { resolveBootFile } from './boot-tree.js';

const v8 = kernel('kernel8.img', 'arm64', '6.6-v8');
const v7 = kernel('kernel7.img', 'arm', '6.6-v7');
const render = (tree: BootTree, device = deviceOf(), plan = planOf()) => renderOverlay(tree, plan, device, sessionOf());
const config = (text: string, more: Partial<BootTree> = {}, device = deviceOf()): string =>
  inlineText(
    render(treeOf(['kernel8.img'], { config: text, kernelFiles: [v8], ...more }), device).files.get('config.txt'),
  );
const ours = '[all]\nauto_initramfs=0\ninitramfs drover.img followkernel\n';

describe('the rendered config.txt', () => {
  it.each([
    ['', ours],
    ['arm_64bit=1\n', `arm_64bit=1\n${ours}`],
    ['arm_64bit=1', `arm_64bit=1\n${ours}`],
    ['a=1\r\nauto_initramfs=1\r\nb=2\r\n', `a=1\r\nb=2\r\n${ours}`],
    ['[pi4]\ninitramfs x.img followkernel\n[pi5]\nInitramfs y.img 0x0\nc=1\n', `[pi4]\n[pi5]\nc=1\n${ours}`],
    ['ramfsfile=x\nramfsaddr=0\ncmdline=other.txt\nboot_ramdisk=1\n', ours],
    ['# initramfs stays in a comment\n', `# initramfs stays in a comment\n${ours}`],
  ])('%j', (text, wanted) => {
    expect(config(text)).toBe(wanted);
  });

  it('keeps bytes that are no ASCII, and says so', () => {
    const tree = treeOf([], { config: 'a=1\n# \xe9\n', kernelFiles: [v8] });
    const overlay = render(tree);
    expect(inlineText(overlay.files.get('config.txt'))).toBe(`a=1\n# \xe9\n${ours}`);
    expect(overlay.warnings).toEqual([expect.stringContaining('config.txt line 2')]);
  });

  it('keeps everything else byte for byte', () => {
    const line = fc.constantFrom(
      'dtparam=audio=on',
      '[pi4]',
      '[all]',
      '# note',
      '',
      'kernel=kernel8.img',
      '\t x = y ',
      'gpu_mem=16\r',
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const text = lines.map((each) => `${each}\n`).join('');
        expect(config(text)).toBe(text + ours);
      }),
    );
  });

  it('takes our settings out of included files too', () => {
    const tree = treeOf([], {
      config: 'include usercfg.txt\n',
      texts: { 'usercfg.txt': 'x=1\ninitramfs initrd.img followkernel\n' },
      kernelFiles: [v8],
    });
    expect(inlineText(render(tree).files.get('usercfg.txt'))).toBe('x=1\n');
  });
});

describe('the rendered overlay', () => {
  it('serves command line and initramfs below os_prefix too', () => {
    const tree = treeOf([], {
      config: 'os_prefix=current/\n',
      texts: { 'current/cmdline.txt': 'console=ttyS9 root=x\n' },
      cmdline: 'console=tty1\n',
      kernelFiles: [kernel('current/kernel8.img', 'arm64', '6.6-v8')],
    });
    const { files, kernel: chosen } = render(tree);
    expect([...files.keys()].sort()).toEqual([
      'cmdline.txt',
      'config.txt',
      'current/cmdline.txt',
      'current/drover.img',
      'drover.img',
    ]);
    expect(inlineText(files.get('current/cmdline.txt'))).toMatch(/^console=ttyS9 drover\.url=/);
    expect(inlineText(files.get('cmdline.txt'))).toMatch(/^console=tty1 drover\.url=/);
    expect(chosen).toBe('current/kernel8.img');
  });

  it('takes the command line from the file config.txt names', () => {
    const tree = treeOf([], {
      config: 'cmdline=other.txt\n',
      texts: { 'other.txt': 'from=other\n' },
      cmdline: 'from=usual\n',
    });
    expect(inlineText(render(tree).files.get('cmdline.txt'))).toMatch(/^from=other /);
  });

  it('makes one initramfs per processor when the board is not known, chosen by filter', () => {
    const plan = planOf({
      initramfs: [
        part('common', 'arm64', null),
        part('common', 'armhf', null),
        part('modules', 'arm64', '6.6-v8'),
        part('modules', 'armhf', '6.6-v7'),
      ],
    });
    const tree = treeOf([], { config: '', kernelFiles: [v7, v8] });
    const unknown = render(tree, deviceOf({ model: 'other' }), plan);
    expect(inlineText(unknown.files.get('config.txt'))).toBe(
      [
        '[all]\nauto_initramfs=0\n',
        '[pi2]\ninitramfs drover-armhf.img followkernel\n',
        '[pi3]\ninitramfs drover-armhf.img followkernel\n',
        '[pi4]\ninitramfs drover-arm64.img followkernel\n',
        '[pi5]\ninitramfs drover-arm64.img followkernel\n[all]\n',
      ].join(''),
    );
    expect(unknown.files.has('drover-arm64.img')).toBe(true);
    expect(unknown.files.has('drover-armhf.img')).toBe(true);
    const known = render(tree, deviceOf({ model: 'pi3' }), plan);
    expect(inlineText(known.files.get('config.txt'))).toBe(ours);
    expect(known.files.get('drover.img')?.segments).toHaveLength(2);
  });

  it('is the same for the same arguments', () => {
    const tree = treeOf(['kernel8.img'], { config: 'a=1\n', cmdline: 'b=2\n', kernelFiles: [v8] });
    expect([...render(tree).files]).toEqual([...render({ ...tree }).files]);
  });

  it('gives machines that are no Pi scripts of their own kind', () => {
    const tree = treeOf(['EFI/boot/bootaa64.efi'], { cmdline: 'console=ttyAMA0\n', kernelFiles: [v8] });
    const machine = deviceOf({ model: 'virt', firmware: 'ipxe', mac: '52:54:00:00:00:01', bootPrefix: null });
    const overlay = render(tree, machine);
    expect(inlineText(overlay.files.get('boot.ipxe'))).toBe(
      `#!ipxe\nkernel http://10.0.0.1:8081/netboot/52-54-00-00-00-01/kernel8.img ${overlay.cmdline} initrd=drover.img\n` +
        'initrd --name drover.img http://10.0.0.1:8081/netboot/52-54-00-00-00-01/drover.img\nboot\n',
    );
    expect(inlineText(resolveBootFile(tree, overlay, 'pxelinux.cfg/01-52-54-00-00-00-01'))).toContain(
      '  initrd drover.img\n',
    );
    expect(networkBootFile(tree, overlay, { firmware: 'ipxe' })).toBe('boot.ipxe');
    expect(networkBootFile(tree, overlay, { firmware: 'edk2', architecture: 11 })).toBe('EFI/boot/bootaa64.efi');
    expect(networkBootFile(tree, overlay, { firmware: 'edk2', architecture: 7 })).toBe('kernel8.img');
    expect(networkBootFile(tree, overlay, { firmware: 'uboot' })).toBe('kernel8.img');
    expect(render(tree).files.has('boot.ipxe')).toBe(false);
  });
});

describe('concatenated archives', () => {
  it('begin at multiples of four, and nothing follows the last', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 6 }), (sizes) => {
        const { size, segments } = concatenate(sizes.map((each) => ({ blob: 'x', size: each })));
        let at = 0;
        for (const segment of segments) {
          if ('blob' in segment) expect(at % 4).toBe(0);
          at += segment.length;
        }
        expect(at).toBe(size);
        expect(segments.filter((segment) => 'blob' in segment).map(({ length }) => length)).toEqual(sizes);
        expect('blob' in segments.at(-1)!).toBe(true);
      }),
    );
  });
});
