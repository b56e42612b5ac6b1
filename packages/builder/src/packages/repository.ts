import { formatDeb822, type Stanza } from '@drover/documents';
import type { ListedPackage } from '@drover/debian';

/** Where a kept package lies below a repository. */
export const packagePath = (sha256: string): string => `packages/${sha256}.deb`;

/** The list of a repository that has exactly these packages, by their digests (Debian's repository format, Packages indices). */
export const repositoryIndex = (packages: readonly ListedPackage[]): string =>
  formatDeb822(packages.map(({ stanza, locked }) => new Map(stanza).set('filename', packagePath(locked.sha256))));

const onlyInLists = new Set(['filename', 'size', 'md5sum', 'sha1', 'sha256', 'sha512', 'description-md5']);

const installed = (stanza: Stanza): Stanza => {
  const fields = new Map([...stanza].filter(([name]) => !onlyInLists.has(name)));
  return fields.set('status', 'install ok installed');
};

/** The state (a dpkg status file) in which these are installed, for apt to resolve against. */
export const installedState = (packages: readonly Pick<ListedPackage, 'stanza'>[]): string =>
  formatDeb822(packages.map(({ stanza }) => installed(stanza)));
