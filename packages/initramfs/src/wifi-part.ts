import { resolveModules, type Ext4Volume } from '@drover/disk-image';
import { firmwareEntries } from './firmware.js';
import type { HelperStore } from './helpers/store.js';
import { radioModules, wifiModules } from './kernel-modules/wifi.js';
import { wantedModules } from './kernel-modules/wanted.js';
import { moduleEntries } from './module-part.js';
import { storePart, type InitramfsPart } from './part.js';
import type { Architecture, PutBlob } from './ports.js';

/** Where the board looks (device/lib/wifi.sh). */
const folder = 'lib/wifi';

/** Programs for Wi-Fi. */
export async function composeWifiPrograms(
  put: PutBlob,
  helpers: HelperStore,
  architecture: Architecture,
  signal: AbortSignal,
): Promise<InitramfsPart> {
  const found = await helpers.wifiHelpers(architecture, signal);
  const versions = found.map(({ name, version }) => `${name}=${version}\n`).join('');
  const entries = found.map(({ path, bytes }) => ({ kind: 'file', path, mode: 0o755, data: bytes }) as const);
  const list = { kind: 'file', path: `${folder}/version`, mode: 0o644, data: Buffer.from(versions) } as const;
  return storePart(put, [...entries, list], { kind: 'wifi', architecture, release: null });
}

/**
 * Drivers of radios of one kernel, and the firmware they load, from the root that has them. Undefined for a kernel without such a driver. What the modules part
 * has is not there again. Throws ImageError.
 */
export async function composeWifiDrivers(
  put: PutBlob,
  volume: Ext4Volume,
  { release, architecture }: { readonly release: string; readonly architecture: Architecture },
  signal: AbortSignal,
): Promise<InitramfsPart | undefined> {
  const resolved = await resolveModules(volume, release, wifiModules);
  if (!resolved.files.some(({ name }) => radioModules.includes(name))) return undefined;
  const loaded = await resolveModules(volume, release, wantedModules);
  const there = new Set(loaded.files.map(({ path }) => path));
  const files = resolved.files.filter(({ path }) => !there.has(path));
  const modules = await moduleEntries(volume, { folder: `${folder}/${release}`, files }, signal);
  const bytes = modules.flatMap((entry) => (entry.kind === 'file' ? [entry.data] : []));
  const firmware = await firmwareEntries(volume, bytes, signal);
  return storePart(put, [...modules, ...firmware], { kind: 'wifi', architecture, release });
}
