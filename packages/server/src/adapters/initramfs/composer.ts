import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import { refusal, success, type Result } from '@drover/contract';
import {
  decompress,
  ImageError,
  packCpio,
  resolveModules,
  type CpioEntry,
  type Ext4Volume,
  type ResolvedModules,
} from '@drover/disk-image';
import type { InitramfsPart } from '../../domain/boot-plan.js';
import { digestOf, readDeviceScripts } from './device-scripts.js';
import { helperFiles } from './helpers/packages.js';
import type { HelperStore } from './helpers/store.js';
import { requiredModules, wantedModules } from './modules.js';
import type { Architecture, PutBlob } from './ports.js';

const gzip = promisify(gzipCallback);

/** Counts changes of this file that change what it makes. */
const layout = 1;
/** Fast: what is won by more is less than it takes a board to fetch. */
const level = 4;
const moduleLimit = 64 * 1024 * 1024;

export interface ComposerDeps {
  readonly helpers: HelperStore;
  /** The folder `device` of this installation. */
  readonly deviceFolder: string;
  readonly put: PutBlob;
}

export interface ModulesPart {
  readonly part: InitramfsPart;
  readonly resolved: ResolvedModules;
}

export interface InitramfsComposer {
  /** busybox and our scripts. The same bytes for every image of that architecture. */
  composeCommon(architecture: Architecture, signal: AbortSignal): Promise<InitramfsPart>;
  /**
   * Modules of one kernel, from the image's own root. Refuses with image.unfit when the root has none for that release or the kernel
   * cannot mount what a root in memory is made of.
   */
  composeModules(
    volume: Ext4Volume,
    release: string,
    architecture: Architecture,
    signal: AbortSignal,
  ): Promise<Result<ModulesPart>>;
  /** Changes when what goes into a part changes, besides the image. Fetches nothing. */
  recipe(): Promise<string>;
}

/**
 * Compresses an archive so that others may follow it: parts are put one behind the other, and the kernel looks for the next one
 * at a multiple of four, over zeros (Documentation/driver-api/early-userspace/buffer-format).
 */
async function compress(archive: Uint8Array): Promise<Uint8Array> {
  const packed = await gzip(archive, { level });
  return Buffer.concat([packed, Buffer.alloc((4 - (packed.length % 4)) % 4)]);
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function store(
  put: PutBlob,
  entries: Iterable<CpioEntry>,
  what: Pick<InitramfsPart, 'kind' | 'architecture' | 'release'>,
): Promise<InitramfsPart> {
  const { digest, size } = await put(once(await compress(packCpio(entries))));
  return { ...what, blob: digest, size };
}

/** The console is there before devtmpfs is mounted, so that the first words are not lost. */
const devices: readonly CpioEntry[] = [
  { kind: 'char', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  { kind: 'char', path: 'dev/null', mode: 0o666, major: 1, minor: 3 },
];

async function commonEntries(
  deps: ComposerDeps,
  architecture: Architecture,
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [...devices];
  const versions: string[] = [];
  for (const { name, path, version, bytes } of await deps.helpers.helpers(architecture, signal)) {
    entries.push({ kind: 'file', path, mode: 0o755, data: bytes });
    versions.push(`${name}=${version}\n`);
  }
  // The other names of busybox are made on the board; the kernel starts /init through this one.
  entries.push({ kind: 'symlink', path: 'bin/sh', target: 'busybox' });
  for (const { path, mode, data } of await readDeviceScripts(deps.deviceFolder)) {
    const text = path.endsWith('/version') ? Buffer.concat([data, Buffer.from(versions.join(''))]) : data;
    entries.push({ kind: 'file', path, mode, data: text });
  }
  return entries;
}

const lacks = (release: string, names: readonly string[]) =>
  refusal('image.unfit', `Kernel ${release} of the image has no ${names.join(', no ')}.`, {
    remedy: 'Install the modules package of this kernel in the image, or use a kernel that has them.',
  });

/** Modules decompressed, since busybox insmod takes them no other way, and the order to load them in. */
async function moduleEntries(volume: Ext4Volume, resolved: ResolvedModules, signal: AbortSignal): Promise<CpioEntry[]> {
  const folder = `lib/modules/${resolved.release}`;
  const entries: CpioEntry[] = [];
  const order: string[] = [];
  for (const { path, relativePath } of resolved.files) {
    signal.throwIfAborted();
    const data = await decompress(await volume.readFile(path, moduleLimit), { limit: moduleLimit });
    const name = relativePath.replace(/\.(gz|xz|zst)$/, '');
    entries.push({ kind: 'file', path: `${folder}/${name}`, mode: 0o644, data });
    order.push(`${name}\n`);
  }
  entries.push({ kind: 'file', path: `${folder}/drover.order`, mode: 0o644, data: Buffer.from(order.join('')) });
  return entries;
}

export function createInitramfsComposer(deps: ComposerDeps): InitramfsComposer {
  return {
    composeCommon: async (architecture, signal) =>
      store(deps.put, await commonEntries(deps, architecture, signal), { kind: 'common', architecture, release: null }),
    composeModules: async (volume, release, architecture, signal) => {
      try {
        const resolved = await resolveModules(volume, release, wantedModules);
        const absent = requiredModules.filter((name) => resolved.missing.includes(name));
        if (absent.length > 0) return lacks(release, absent);
        const entries = await moduleEntries(volume, resolved, signal);
        return success({ resolved, part: await store(deps.put, entries, { kind: 'modules', architecture, release }) });
      } catch (fault) {
        if (!(fault instanceof ImageError)) throw fault;
        return refusal('image.unfit', `Kernel ${release}: ${fault.message} (${fault.code})`, {
          ...(fault.remedy === undefined ? {} : { remedy: fault.remedy }),
        });
      }
    },
    recipe: async () => {
      const scripts = await readDeviceScripts(deps.deviceFolder);
      return digestOf([
        `layout ${layout} level ${level}`,
        ...wantedModules,
        JSON.stringify(helperFiles('arm64')),
        ...(await deps.helpers.versions()),
        ...scripts.flatMap(({ path, mode, data }) => [`${path} ${mode}`, data]),
      ]);
    },
  };
}
