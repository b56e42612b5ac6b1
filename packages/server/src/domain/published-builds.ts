import type { Build, BuildFile } from '@drover/contract';

/** One line of the index. */
export interface PublishedBuild {
  readonly name: string;
  /** null: it failed before it had one. */
  readonly version: string | null;
  readonly state: 'succeeded' | 'failed';
  readonly build: string;
  readonly at: string;
  /** Of a failed one. */
  readonly reason: string | null;
  /** Addresses by what they hold; those of a failed build are of its log alone. */
  readonly files: Readonly<Record<string, { readonly url: string; readonly sha256: string; readonly size: number }>>;
  readonly log: string;
}

export interface BuildIndex {
  readonly format: 1;
  /** The newest version of each name. */
  readonly latest: Readonly<Record<string, string>>;
  readonly builds: readonly PublishedBuild[];
}

export const publishedFolder = '/images/global';

export const versionOf = ({ image }: Pick<Build, 'image'>): string | null =>
  image === null ? null : image.slice(image.indexOf(':') + 1);

/** Folder of a build that succeeded, below the address of the server. */
export const folderOf = ({ recipe, image }: Pick<Build, 'recipe' | 'image'>): string =>
  `${publishedFolder}/${recipe}/${encodeURIComponent(versionOf({ image }) ?? '')}`;

/** Where whoever sees a build finds it, published or not. */
export const ownFolderOf = (build: Pick<Build, 'recipe' | 'image'>): string =>
  folderOf(build).replace(publishedFolder, '/images/own');

const filesOf = (base: string, build: Build): PublishedBuild['files'] =>
  Object.fromEntries(
    build.files.map(({ name, sha256, size }: BuildFile) => [
      name,
      { url: `${base}${folderOf(build)}/${name}`, sha256, size },
    ]),
  );

const lineOf = (base: string, build: Build): PublishedBuild => {
  const succeeded = build.state === 'succeeded';
  return {
    name: build.recipe,
    version: versionOf(build),
    state: succeeded ? 'succeeded' : 'failed',
    build: build.id,
    at: build.endedAt ?? build.createdAt,
    reason: succeeded ? null : (build.error?.detail ?? 'not known'),
    files: succeeded ? filesOf(base, build) : {},
    log: `${base}/api/v2/builds/${build.id}/log`,
  };
};

/** The index of builds, the newest first. `base`: the address of the server, as whoever asks reaches it. */
export function buildIndex(base: string, builds: readonly Build[]): BuildIndex {
  const latest: Record<string, string> = {};
  for (const build of builds) {
    const version = versionOf(build);
    if (build.state === 'succeeded' && version !== null) latest[build.recipe] ??= version;
  }
  return { format: 1, latest, builds: builds.filter(isFirstOfItsVersion).map((build) => lineOf(base, build)) };
}

/** Built once more and the same: it is shown where it is newest. */
const isFirstOfItsVersion = (build: Build, index: number, all: readonly Build[]): boolean =>
  build.image === null || all.findIndex(({ image }) => image === build.image) === index;

const escaped = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0).toString()};`);

const link = (url: string, text: string): string => `<a href="${escaped(url)}">${escaped(text)}</a>`;

const rowOf = ({ name, version, state, at, reason, files, log }: PublishedBuild): string => {
  const links = Object.entries(files).map(([file, { url }]) => link(url, file));
  const what = state === 'succeeded' ? links.join(' ') : `failed: ${escaped(reason ?? '')}`;
  return `<tr><td>${escaped(name)}<td>${escaped(version ?? '')}<td>${escaped(at)}<td>${what}<td>${link(log, 'log')}\n`;
};

/** The same for people. */
export const indexPage = ({ builds }: BuildIndex): string =>
  `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Drover: images</title>
<h1>Images</h1>
<table>
<tr><th>Name<th>Version<th>Built<th>Files<th>Log
${builds.map(rowOf).join('')}</table>
</html>
`;

/** `info.sh` with whole addresses: as it was built it names the files beside it. */
export const infoWithAddresses = (text: string, folder: string): string =>
  text.replaceAll(/^((?:INITFS|ROOTFS)=')\.\//gm, (_, begin: string) => `${begin}${folder}/`);

/** The address of this server as the request reached it; undefined when what it says is no address. */
export const addressOf = (scheme: string, host: string | undefined): string | undefined =>
  /^https?$/.test(scheme) && host !== undefined && /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?$/.test(host)
    ? `${scheme}://${host}`
    : undefined;
