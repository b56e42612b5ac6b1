import type {
  BootPlan,
  BootTree,
  BootTreeKernel,
  FileSource,
  InitramfsPart,
  PlannedDevice,
} from '../../src/domain/boot-plan.js';
import type { Overlay } from '../../src/domain/boot-render.js';

/** Small values for tests of the boot domain; every one may be overridden. */

export const digest = (letter: string): string => letter.repeat(64);

export const treeOf = (
  paths: readonly string[],
  more: Partial<BootTree> & { readonly kernelFiles?: readonly BootTreeKernel[] } = {},
): BootTree => ({
  version: 1,
  image: digest('a'),
  files: paths.map((path, i) => ({ path, size: 100, extents: [[4096 * (i + 1), 100]] })),
  config: null,
  cmdline: null,
  kernels: more.kernelFiles ?? [],
  ...more,
});

export const overlayOf = (files: Record<string, FileSource> = {}, hidden: string[] = []): Overlay => ({
  files: new Map(Object.entries(files)),
  hidden: new Set(hidden),
  warnings: [],
  cmdline: '',
  initramfs: undefined,
  kernel: undefined,
});

export const kernel = (file: string, architecture: 'arm64' | 'arm', release: string): BootTreeKernel => ({
  file,
  architecture,
  release,
});

export const part = (
  kind: InitramfsPart['kind'],
  architecture: InitramfsPart['architecture'],
  release: string | null,
  size = 1000,
): InitramfsPart => ({ kind, architecture, release, blob: digest(release === null ? 'c' : 'd'), size });

export const planOf = (more: Partial<BootPlan> = {}): BootPlan => ({
  generation: 1,
  tree: digest('e'),
  rootMode: 'ram',
  kernelParameters: '',
  image: null,
  disks: [],
  initramfs: [part('common', 'arm64', null), part('modules', 'arm64', '6.6-v8')],
  ...more,
});

export const deviceOf = (more: Partial<PlannedDevice> = {}): PlannedDevice => ({
  id: 'dev_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
  hostname: 'pi',
  tenant: null,
  site: 'default',
  model: 'pi4',
  firmware: 'ee',
  mac: 'dc:a6:32:01:02:03',
  bootPrefix: '91cdf03d',
  serial: null,
  ...more,
});

export const sessionOf = (more: Partial<{ id: string; secret: string; serverUrl: string }> = {}) => ({
  id: 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
  secret: 'f'.repeat(32),
  serverUrl: 'http://10.0.0.1:8081',
  ...more,
});

/** Text of an inline file. */
export const inlineText = (file: FileSource | undefined): string =>
  (file?.segments ?? [])
    .map((segment) => ('inline' in segment ? Buffer.from(segment.inline, 'base64').toString('latin1') : '?'))
    .join('');
