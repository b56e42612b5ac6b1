import * as z from 'zod';
import { Sha256 } from '@drover/contract';
import { parseDeb822, type Stanza } from '@drover/documents';

/** A package as it is built in: what apt chose, by the digest its signed list promises. */
export const LockedPackage = z.strictObject({
  name: z.string(),
  version: z.string(),
  /** `all` where it is the same for every processor. */
  architecture: z.string(),
  /** Of the .deb, in bytes. */
  size: z.number().int(),
  sha256: Sha256,
  /** The source package it was made from. */
  source: z.string(),
});
export type LockedPackage = z.infer<typeof LockedPackage>;

/** A package of a list, with all the list says of it. */
export interface ListedPackage {
  readonly locked: LockedPackage;
  /** Its place below the mirror. */
  readonly filename: string;
  readonly stanza: Stanza;
}

const listed = (stanza: Stanza): ListedPackage | undefined => {
  const field = (name: string): string => stanza.get(name) ?? '';
  const parsed = LockedPackage.safeParse({
    ...{ name: field('package'), version: field('version'), architecture: field('architecture') },
    ...{ size: Number(field('size')), sha256: field('sha256') },
    // `Source: name (version)`, left out where both are as the package's own.
    source: field('source').split(' ')[0] || field('package'),
  });
  const filename = field('filename');
  if (!parsed.success || filename === '' || parsed.data.name === '' || parsed.data.version === '') return undefined;
  return { locked: parsed.data, filename, stanza };
};

/** The packages of a list, as apt-cache shows them. Stanzas that name no file (installed packages) are left out. */
export const parsePackageList = (text: string): ListedPackage[] =>
  parseDeb822(text).flatMap((stanza) => listed(stanza) ?? []);

/** In one order, whichever apt chose. */
export const sortPackages = <T extends Pick<LockedPackage, 'name' | 'architecture'>>(packages: readonly T[]): T[] => {
  const key = ({ name, architecture }: T): string => `${name}:${architecture}`;
  return [...packages].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
};

export const sortListed = (packages: readonly ListedPackage[]): ListedPackage[] =>
  sortPackages(packages.map((each) => ({ ...each.locked, each }))).map(({ each }) => each);
