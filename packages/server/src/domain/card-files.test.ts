import { expect, it } from 'vitest';
import { inlineText, kernel, part, treeOf } from '../../test/boot/fixtures.js';
import { cardFiles } from './card-files.js';

const config = 'arm_64bit=1\ninitramfs initrd.img followkernel\n';
const tree = treeOf(['Kernel8.img', 'initrd.img', 'autoboot.txt', 'overlays/a.dtbo', 'config.txt', 'cmdline.txt'], {
  config,
  cmdline: 'console=tty1 root=PARTUUID=12345678-02 rootwait init=/usr/lib/raspberrypi-sys-mods/firstboot quiet',
  kernelFiles: [kernel('Kernel8.img', 'arm64', '6.6-v8')],
});
const parts = [part('common', 'arm64', null), part('modules', 'arm64', '6.6-v8')];
const made = (device?: { id: string; name: string }) =>
  cardFiles(tree, parts, { server: 'http://192.0.2.1:8081', ...(device === undefined ? {} : { device }) });
const textAt = (path: string, files = made()): string => inlineText(files.find((file) => file.path === path)?.source);

it('has the image’s files, without those that nothing starts any more', () => {
  expect(made().map(({ path }) => path)).toEqual([
    'Kernel8.img',
    'cmdline.txt',
    'config.txt',
    'drover.img',
    'drover/card.conf',
    'overlays/a.dtbo',
  ]);
});

it('starts our initramfs, and looks for no root', () => {
  expect(textAt('cmdline.txt')).toBe('console=tty1 quiet\n');
  expect(textAt('config.txt')).toBe('arm_64bit=1\n[all]\nauto_initramfs=0\ninitramfs drover.img followkernel\n');
});

it('has programs and drivers for Wi-Fi where the image has them, of its own kernels only', () => {
  const wifi = [part('wifi', 'arm64', null), part('wifi', 'arm64', '6.6-v8'), part('wifi', 'arm64', '6.1-other')];
  const blobsOf = (list: typeof parts): (string | undefined)[] => {
    const image = cardFiles(tree, list, { server: 'http://192.0.2.1:8081' }).find(({ path }) => path === 'drover.img');
    return (image?.source.segments ?? []).flatMap((segment) => ('blob' in segment ? [segment.blob] : []));
  };
  const [common, modules] = parts;
  expect(blobsOf([...parts, ...wifi])).toEqual([common, wifi[0], modules, wifi[1]].map((each) => each?.blob));
  expect(blobsOf(parts)).toEqual([common?.blob, modules?.blob]);
});

it('has the server’s key where it may come to update itself', () => {
  const files = cardFiles(tree, parts, { server: 'http://192.0.2.1:8081', key: 'untrusted comment: x\nRW\n' });
  expect(textAt('drover/card.pub', files)).toBe('untrusted comment: x\nRW\n');
});

it('says where the server is, and for whom the card was made', () => {
  expect(textAt('drover/card.conf')).toMatch(/^server=http:\/\/192\.0\.2\.1:8081\r$/m);
  expect(textAt('drover/card.conf')).not.toContain('device');
  const forOne = made({ id: 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', name: 'sign-1' });
  expect(textAt('drover/card.conf', forOne)).toMatch(/^device=dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N\r\nhostname=sign-1\r$/m);
});
