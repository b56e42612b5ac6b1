import { configFiles } from './boot-config.js';
import { partArchitecture, possibleKernels } from './boot-kernels.js';
import type { BootPlan, BootTree, BootTreeFile, BootTreeKernel, InitramfsPart, PlannedDevice } from './boot-plan.js';
import { textOf, treeFile } from './boot-tree.js';

/**
 * Boot files of a board that has a disk of its own. What the disk has unchanged from its image lies in the image's blob, at the same place; the rest is
 * copied when a boot begins, so that it has the same files from its first request to its last.
 */

/** A file of the boot partition as it is on the disk now. */
export interface FoundFile {
  readonly path: string;
  readonly size: number;
  /** Offset and length pairs on the disk. */
  readonly extents: BootTreeFile['extents'];
  /** Digest of a copy of its bytes; null: all of them are the image's. */
  readonly copy: string | null;
}

export interface FoundBootPartition {
  /** Digest of the image below the disk; null: there is none, and all files are copies. */
  readonly base: string | null;
  readonly files: readonly FoundFile[];
  /** Text files by path, one character per byte. */
  readonly texts: Readonly<Record<string, string>>;
  readonly kernels: readonly BootTreeKernel[];
}

/** The boot tree of a disk. `image`: that of the image the device is given, for a disk without one of its own. */
export function ownTree(image: BootTree, found: FoundBootPartition): BootTree {
  const textAt = (name: string): string | null => {
    const path = Object.keys(found.texts).find((each) => each.toLowerCase() === name);
    return path === undefined ? null : (found.texts[path] ?? null);
  };
  return {
    version: 1,
    image: found.base ?? image.image,
    files: found.files.map(treeFileOf),
    config: textAt('config.txt'),
    cmdline: textAt('cmdline.txt'),
    texts: found.texts,
    kernels: found.kernels,
  };
}

const treeFileOf = ({ path, size, extents, copy }: FoundFile): BootTreeFile =>
  copy === null ? { path, size, extents } : { path, size, extents: size === 0 ? [] : [[0, size]], blob: copy };

const sameExtents = (a: BootTreeFile['extents'], b: BootTreeFile['extents']): boolean =>
  a.length === b.length && a.every(([offset, length], i) => b[i]?.[0] === offset && b[i]?.[1] === length);

/** What is known of a kernel already, as it is the image's own, at its place there. Undefined: it must be looked into. */
export function knownKernel(image: BootTree, file: FoundFile): BootTreeKernel | undefined {
  const before = treeFile(image, file.path.toLowerCase());
  if (file.copy !== null || before === undefined || before.size !== file.size) return undefined;
  if (!sameExtents(before.extents, file.extents)) return undefined;
  return image.kernels.find((kernel) => kernel.file.toLowerCase() === file.path.toLowerCase());
}

/** Modules of a kernel that are to be taken from the disk's root. */
export interface MissingModules {
  readonly release: string;
  readonly architecture: InitramfsPart['architecture'];
}

export interface ModulesNeeded {
  readonly missing: readonly MissingModules[];
  /** Kernels that cannot be given any. */
  readonly warnings: readonly string[];
}

/** Modules the plan has not, of kernels this board may start: those the disk brought. */
export function neededModules(
  tree: BootTree,
  plan: Pick<BootPlan, 'initramfs'>,
  device: Pick<PlannedDevice, 'model' | 'bootPrefix'>,
): ModulesNeeded {
  const config = configFiles((path) => textOf(tree, path));
  const missing = new Map<string, MissingModules>();
  const warnings = new Set<string>();
  for (const { file, architecture: kind, release } of possibleKernels(tree, config, device.model, device.bootPrefix)) {
    const architecture = partArchitecture({ architecture: kind, release });
    if (architecture === undefined || release === null) continue;
    const parts = plan.initramfs.filter((part) => part.architecture === architecture);
    if (parts.some((part) => part.kind === 'modules' && part.release === release)) continue;
    if (parts.some((part) => part.kind === 'common'))
      missing.set(`${architecture} ${release}`, { release, architecture });
    else warnings.add(`${file} is a kernel for ${architecture}, for which the image has no initramfs`);
  }
  return { missing: [...missing.values()], warnings: [...warnings] };
}
