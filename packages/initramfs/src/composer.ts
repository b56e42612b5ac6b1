import type { Result } from '@drover/contract';
import type { CpioEntry, Ext4Volume } from '@drover/disk-image';
import { digestOf, readDeviceScripts } from './device-scripts.js';
import { cardFiles, helperFiles, wifiFiles } from './helpers/packages.js';
import type { HelperStore } from './helpers/store.js';
import { composeModules, type ModulesPart } from './module-part.js';
import { composeNfs, type NfsPart } from './nfs-part.js';
import { nfsModules } from './kernel-modules/nfs.js';
import { wifiModules } from './kernel-modules/wifi.js';
import { wantedModules } from './kernel-modules/wanted.js';
import { layout, level, storePart, type InitramfsPart } from './part.js';
import type { Architecture, PutBlob } from './ports.js';
import { composeWifiDrivers, composeWifiPrograms } from './wifi-part.js';

export interface ComposerDeps {
  readonly helpers: HelperStore;
  /** The folder `device` of this installation. */
  readonly deviceFolder: string;
  readonly put: PutBlob;
}

export interface InitramfsComposer {
  /** busybox and our scripts. The same bytes for every image of that architecture. */
  composeCommon(architecture: Architecture, signal: AbortSignal): Promise<InitramfsPart>;
  /** What only a self-updating card needs, to stand behind the common part. */
  composeCard(architecture: Architecture, signal: AbortSignal): Promise<InitramfsPart>;
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
  /** Modules of one kernel for a root over NFS. Throws ImageError. */
  composeNfs(volume: Ext4Volume, release: string, architecture: Architecture, signal: AbortSignal): Promise<NfsPart>;
  /** Programs for Wi-Fi, for cards. */
  composeWifiPrograms(architecture: Architecture, signal: AbortSignal): Promise<InitramfsPart>;
  /** Drivers and firmware of radios for one kernel, from the image's own root; undefined where it has none. Throws ImageError. */
  composeWifiDrivers(
    volume: Ext4Volume,
    release: string,
    architecture: Architecture,
    signal: AbortSignal,
  ): Promise<InitramfsPart | undefined>;
  /** Changes when what goes into a part changes, besides the image. Fetches nothing. */
  recipe(): Promise<string>;
  /** The same for the part for cards. */
  cardRecipe(): Promise<string>;
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

const modeOf = (bytes: Buffer): number => (bytes.toString('latin1', 0, 4) === '\x7fELF' ? 0o755 : 0o644);

async function cardEntries(
  { helpers }: ComposerDeps,
  architecture: Architecture,
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const found = await helpers.cardHelpers(architecture, signal);
  const versions = found.map(({ name, version }) => `${name}=${version}\n`).join('');
  return [
    ...found.map(({ path, bytes }): CpioEntry => ({ kind: 'file', path, mode: modeOf(bytes), data: bytes })),
    { kind: 'file', path: 'lib/drover/card/version', mode: 0o644, data: Buffer.from(versions) },
  ];
}

export function createInitramfsComposer(deps: ComposerDeps): InitramfsComposer {
  return {
    composeCommon: async (architecture, signal) =>
      storePart(deps.put, await commonEntries(deps, architecture, signal), {
        kind: 'common',
        architecture,
        release: null,
      }),
    composeCard: async (architecture, signal) =>
      storePart(deps.put, await cardEntries(deps, architecture, signal), { kind: 'card', architecture, release: null }),
    composeModules: (volume, release, architecture, signal) =>
      composeModules(deps.put, volume, { release, architecture }, signal),
    composeNfs: (volume, release, architecture, signal) =>
      composeNfs(deps.put, volume, { release, architecture }, signal),
    composeWifiPrograms: (architecture, signal) => composeWifiPrograms(deps.put, deps.helpers, architecture, signal),
    composeWifiDrivers: (volume, release, architecture, signal) =>
      composeWifiDrivers(deps.put, volume, { release, architecture }, signal),
    recipe: async () => {
      const scripts = await readDeviceScripts(deps.deviceFolder);
      return digestOf([
        `layout ${layout} level ${level}`,
        ...wantedModules,
        ...wifiModules,
        ...nfsModules,
        JSON.stringify([helperFiles('arm64'), wifiFiles('arm64')]),
        ...(await deps.helpers.versions()),
        ...scripts.flatMap(({ path, mode, data }) => [`${path} ${mode}`, data]),
      ]);
    },
    cardRecipe: async () =>
      digestOf([
        `layout ${layout} level ${level}`,
        JSON.stringify(cardFiles('arm64')),
        ...(await deps.helpers.cardVersions()),
      ]),
  };
}
