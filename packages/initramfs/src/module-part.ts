import { refusal, success, type Result } from '@drover/contract';
import {
  decompress,
  ImageError,
  resolveModules,
  type CpioEntry,
  type Ext4Volume,
  type ResolvedModules,
} from '@drover/disk-image';
import { requiredModules, wantedModules } from './kernel-modules/wanted.js';
import { storePart, type InitramfsPart } from './part.js';
import type { Architecture, PutBlob } from './ports.js';

const moduleLimit = 64 * 1024 * 1024;

export interface ModulesPart {
  readonly part: InitramfsPart;
  readonly resolved: ResolvedModules;
}

const lacks = (release: string, names: readonly string[]) =>
  refusal('image.unfit', `Kernel ${release} of the image has no ${names.join(', no ')}.`, {
    remedy: 'Install the modules package of this kernel in the image, or use a kernel that has them.',
  });

interface ModuleFiles {
  readonly folder: string;
  readonly files: ResolvedModules['files'];
}

/** Modules decompressed, since busybox insmod takes them no other way, and the order to load them in. */
export async function moduleEntries(
  volume: Ext4Volume,
  { folder, files }: ModuleFiles,
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = [];
  const order: string[] = [];
  for (const { path, relativePath } of files) {
    signal.throwIfAborted();
    const data = await decompress(await volume.readFile(path, moduleLimit), { limit: moduleLimit });
    const name = relativePath.replace(/\.(gz|xz|zst)$/, '');
    entries.push({ kind: 'file', path: `${folder}/${name}`, mode: 0o644, data });
    order.push(`${name}\n`);
  }
  entries.push({ kind: 'file', path: `${folder}/drover.order`, mode: 0o644, data: Buffer.from(order.join('')) });
  return entries;
}

/**
 * Packs the modules of one kernel, from the root that has it. Refuses with image.unfit when the root has none for that release or the kernel cannot mount what
 * a root in memory is made of.
 */
export async function composeModules(
  put: PutBlob,
  volume: Ext4Volume,
  { release, architecture }: { readonly release: string; readonly architecture: Architecture },
  signal: AbortSignal,
): Promise<Result<ModulesPart>> {
  try {
    const resolved = await resolveModules(volume, release, wantedModules);
    const absent = requiredModules.filter((name) => resolved.missing.includes(name));
    if (absent.length > 0) return lacks(release, absent);
    const entries = await moduleEntries(volume, { folder: `lib/modules/${release}`, files: resolved.files }, signal);
    return success({ resolved, part: await storePart(put, entries, { kind: 'modules', architecture, release }) });
  } catch (fault) {
    if (!(fault instanceof ImageError)) throw fault;
    return refusal('image.unfit', `Kernel ${release}: ${fault.message} (${fault.code})`, {
      ...(fault.remedy === undefined ? {} : { remedy: fault.remedy }),
    });
  }
}
