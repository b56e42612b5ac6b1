import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseDeb822 } from '@drover/documents';
import { parseSourcesFile, parseSourcesList, type AptSource } from '@drover/debian';
import type { Ext4Volume } from '@drover/disk-image';
import type { PresentPackage } from '../packages/lock.js';

/** What apt of an image knows: its packages, and where it has them from. */
export interface BasePackages {
  readonly present: readonly PresentPackage[];
  /** Keys are files of this machine. */
  readonly sources: readonly AptSource[];
}

const textOf = async (root: Ext4Volume, path: string): Promise<string> =>
  (await root.stat(path))?.kind === 'file' ? Buffer.from(await root.readFile(path)).toString('utf8') : '';

const namesIn = async (root: Ext4Volume, folder: string, pattern: RegExp): Promise<string[]> => {
  if ((await root.stat(folder))?.kind !== 'directory') return [];
  const names = (await root.readdir(folder)).map(({ name }) => name).filter((name) => pattern.test(name));
  return names.sort().map((name) => `${folder}/${name}`);
};

async function presentIn(root: Ext4Volume): Promise<PresentPackage[]> {
  return parseDeb822(await textOf(root, '/var/lib/dpkg/status'))
    .filter((stanza) => stanza.get('status') === 'install ok installed')
    .map((stanza) => ({
      name: stanza.get('package') ?? '',
      version: stanza.get('version') ?? '',
      architecture: stanza.get('architecture') ?? '',
      source: stanza.get('source')?.split(' ')[0] ?? stanza.get('package') ?? '',
      stanza,
    }));
}

/** apt takes a file that begins so as a set of keys (apt-secure(8)). */
const keyFile = /\.(gpg|asc|pgp)$/;

/** Copies key files of the image to where this machine's apt can read them. Returns their place here, by the place there. */
async function copyKeys(root: Ext4Volume, paths: readonly string[], folder: string): Promise<Map<string, string>> {
  const copied = new Map<string, string>();
  for (const path of new Set(paths)) {
    if ((await root.stat(path))?.kind !== 'file') continue;
    // By number: a path of the image is no path of this machine.
    const place = join(folder, 'keys', `${copied.size}${keyFile.exec(path)?.[0] ?? '.gpg'}`);
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, await root.readFile(path));
    copied.set(path, place);
  }
  return copied;
}

async function sourcesIn(root: Ext4Volume, folder: string): Promise<AptSource[]> {
  const lists = ['/etc/apt/sources.list', ...(await namesIn(root, '/etc/apt/sources.list.d', /\.list$/))];
  const files = await namesIn(root, '/etc/apt/sources.list.d', /\.sources$/);
  const sources: AptSource[] = [];
  for (const path of lists) sources.push(...parseSourcesList(await textOf(root, path)));
  for (const path of files) sources.push(...parseSourcesFile(await textOf(root, path)));
  const trusted = [
    ...(await namesIn(root, '/etc/apt', /^trusted\.gpg$/)),
    ...(await namesIn(root, '/etc/apt/trusted.gpg.d', keyFile)),
  ];
  const named = sources.flatMap(({ signedBy }) => signedBy?.split(',') ?? []);
  const places = await copyKeys(root, [...trusted, ...named], folder);
  const here = (paths: readonly string[]): string => paths.flatMap((path) => places.get(path) ?? []).join(',');
  return sources.map((source) => {
    const keys = here(source.signedBy?.split(',') ?? trusted);
    return { ...source, signedBy: keys === '' ? undefined : keys };
  });
}

/** Reads them from its root; keys go below `folder`. What is not Debian has no packages. */
export const basePackages = async (root: Ext4Volume, folder: string): Promise<BasePackages> => ({
  present: await presentIn(root),
  sources: await sourcesIn(root, folder),
});
