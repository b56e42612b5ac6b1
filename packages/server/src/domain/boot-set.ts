import { createHash } from 'node:crypto';
import { setParameter } from '@drover/contract';
import type { BootPlan, BootTree } from './boot-plan.js';
import { inlineFile, renderCardFiles } from './boot-render.js';
import { foldPath, sourceOf } from './boot-tree.js';
import type { CardFile } from './card-files.js';
import { flatBootTree } from './flat-boot-tree.js';
import { fitsTar } from './tar.js';

/**
 * A set: the boot files of an image that a self-updating card takes as a whole, into a folder of its own that is the firmware's `os_prefix`. The board's own
 * firmware never changes and is in none.
 */

/** Changes when the same image gives another set. */
const layout = 'drover boot set 2';

export const sumsName = 'SHA256SUMS';

/** Files that a boot ROM or an EEPROM reads, or the firmware before any setting that could lead it elsewhere; and ours on a card. */
const firmware =
  /^(bootcode\.bin|start[^/]*\.elf|fixup[^/]*\.dat|boot\.(sig|img)|recovery[^/]*|pieeprom[^/]*|vl805[^/]*|autoboot\.txt|tryboot\.txt|drover\/.*)$/;
/** By these names the firmware finds an initramfs by itself, which `auto_initramfs=0` ends. */
const ownInitramfs = /^initramfs[0-9a-z_-]*$/;
/** Names every FAT takes. */
const unsafe = /[\p{Cc}"*:<>?|\\]/u;

/** Without it the firmware looks for overlays where there is no set. */
const overlayMark = 'overlays/readme';

/** What a set is made from besides its own layout: digests of the boot tree, and of the initramfs parts in order. */
export interface SetSources {
  readonly tree: string;
  readonly initramfs: BootPlan['initramfs'];
}

/** The same sources give the same set. Others may, too. */
export function sourcesKey({ tree, initramfs }: SetSources): string {
  const parts = initramfs.map(({ kind, architecture, release, blob }) => [kind, architecture, release, blob]);
  return createHash('sha256')
    .update(JSON.stringify([layout, tree, parts]))
    .digest('hex');
}

export interface FileSum {
  readonly path: string;
  readonly sha256: string;
}

/**
 * Tells sets apart by what is in them before they have a name: an image with another root, disk id or version but the same kernel and initramfs has the same set,
 * and no card fetches it again.
 */
export const setId = (unnamed: readonly FileSum[]): string =>
  createHash('sha256')
    .update(JSON.stringify([layout, unnamed.map(({ path, sha256 }) => [path, sha256])]))
    .digest('hex');

export type BootSetFiles =
  | { readonly ok: true; readonly files: readonly CardFile[] }
  /** Why the image has no set. */
  | { readonly ok: false; readonly reason: string };

/** The files of a set but for its sums, in order of their paths. They name no folder, so they may lie in any. `id`: what its command line says it is. */
export function bootSetFiles(image: BootTree, { initramfs }: SetSources, id?: string): BootSetFiles {
  const flat = flatBootTree(image);
  if (!flat.ok) return flat;
  const { tree } = flat;
  if (tree.kernels.length === 0) return { ok: false, reason: 'it has no kernel' };
  const parameters = id === undefined ? [] : [`${setParameter}=${id}`];
  const { files, hidden } = renderCardFiles(tree, initramfs, parameters);
  const isLeftOut = (folded: string): boolean =>
    firmware.test(folded) || ownInitramfs.test(folded) || hidden.has(folded) || folded === sumsName.toLowerCase();
  const taken = new Map<string, CardFile>();
  for (const file of tree.files) {
    const folded = foldPath(file.path);
    if (folded === undefined || unsafe.test(file.path) || isLeftOut(folded)) continue;
    taken.set(folded, { path: file.path, source: sourceOf(tree, file) });
  }
  for (const [path, source] of files) if (!firmware.test(path)) taken.set(path, { path, source });
  if ([...taken.keys()].some((path) => path.startsWith('overlays/')) && !taken.has(overlayMark))
    taken.set(overlayMark, { path: 'overlays/README', source: inlineFile('Device tree overlays of this set.\n') });
  const long = [...taken.values()].find(({ path }) => !fitsTar(path));
  if (long !== undefined) return { ok: false, reason: `the path ${long.path} is too long` };
  return { ok: true, files: [...taken.values()].sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** As sha256sum(1) writes and checks them. */
export const sumsFile = (sums: readonly FileSum[]): CardFile => ({
  path: sumsName,
  source: inlineFile(sums.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('')),
});
