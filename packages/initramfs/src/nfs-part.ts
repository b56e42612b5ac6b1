import { resolveModules, type Ext4Volume } from '@drover/disk-image';
import { nfsModules } from './kernel-modules/nfs.js';
import { wantedModules } from './kernel-modules/wanted.js';
import { moduleEntries } from './module-part.js';
import { storePart, type InitramfsPart } from './part.js';
import type { Architecture, PutBlob } from './ports.js';

/** Where the board looks (device/lib/root-nfs.sh). */
const folder = 'lib/nfs';

export interface NfsPart {
  readonly part: InitramfsPart;
  /** The kernel can mount NFS. */
  readonly canMount: boolean;
}

/** Modules of one kernel for a root over NFS, from the root that has them; only boards with such a root get and load them. What the modules part has is not there again. */
export async function composeNfs(
  put: PutBlob,
  volume: Ext4Volume,
  { release, architecture }: { readonly release: string; readonly architecture: Architecture },
  signal: AbortSignal,
): Promise<NfsPart> {
  const resolved = await resolveModules(volume, release, nfsModules);
  const loaded = await resolveModules(volume, release, wantedModules);
  const there = new Set(loaded.files.map(({ path }) => path));
  const files = resolved.files.filter(({ path }) => !there.has(path));
  const modules = await moduleEntries(volume, { folder: `${folder}/${release}`, files }, signal);
  const part = await storePart(put, modules, { kind: 'nfs', architecture, release });
  return { part, canMount: !resolved.missing.includes('nfs') };
}
