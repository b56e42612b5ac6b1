import { BuildFileName, refusal, success, type Principal, type Result } from '@drover/contract';
import {
  buildIndex,
  folderOf,
  infoWithAddresses,
  ownFolderOf,
  versionOf,
  type BuildIndex,
} from '../../domain/published-builds.js';
import { isDemo } from '../../domain/demo.js';
import { tenantFilter } from '../../domain/tenancy.js';
import type { BlobStore } from '../blobs/ports.js';
import type { Store } from '../store/ports.js';
import { contentOf, type BuildContent } from './builds.js';
import type { BuildRecord } from './records.js';

export interface PublishedDeps {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'stream' | 'stat' | 'read'>;
}

/** What of all that was ever built the index shows. */
const shown = 500;

/** A published file as whoever asks gets it. */
export type PublishedFile =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'blob'; readonly content: BuildContent };

/** global: what is published. own: all builds that a key sees. */
export type Shelf = 'global' | 'own';

/** Builds as cards and programs fetch them, below {@link publishedFolder}. */
export const createPublished = (deps: PublishedDeps) => ({
  index: async (who: Principal, base: string): Promise<BuildIndex> => buildIndex(base, await published(deps, who)),
  /** `version` may be `latest`. */
  file: (
    who: Principal,
    base: string,
    at: { readonly name: string; readonly version: string; readonly file: string },
    shelf: Shelf = 'global',
  ) => find(deps, who, base, at, shelf),
});

export type Published = ReturnType<typeof createPublished>;

const published = ({ store }: PublishedDeps, who: Principal): Promise<BuildRecord[]> =>
  store.read((tx) => tx.builds.published(tenantFilter(who), shown));

/** Builds that led to a name. What is not published is nothing for the demo key, which everybody has. */
const candidates = async (deps: PublishedDeps, who: Principal, name: string, shelf: Shelf): Promise<BuildRecord[]> => {
  if (shelf === 'global' || isDemo(who)) return published(deps, who);
  const tenant = tenantFilter(who);
  const filter = { recipe: name, state: 'succeeded' as const, ...(tenant === undefined ? {} : { tenant }) };
  return (await deps.store.read((tx) => tx.builds.list(filter, { limit: shown }))).items;
};

const notThere = (what: string) =>
  refusal('route.not-found', `No published build has ${what}.`, { remedy: 'See /images/global/index.json.' });

async function find(
  deps: PublishedDeps,
  who: Principal,
  base: string,
  { name, version, file }: { readonly name: string; readonly version: string; readonly file: string },
  shelf: Shelf,
): Promise<Result<PublishedFile>> {
  const wanted = BuildFileName.safeParse(file);
  const build = (await candidates(deps, who, name, shelf)).find(
    (each) =>
      each.state === 'succeeded' && each.recipe === name && (version === 'latest' || versionOf(each) === version),
  );
  if (build === undefined || !wanted.success) return notThere(`${name}/${version}/${file}`);
  const content = await contentOf(deps.blobs, build, wanted.data);
  if (!content.ok) return content;
  if (wanted.data !== 'info.sh') return success({ kind: 'blob', content: content.value });
  const bytes = await deps.blobs.read(content.value.sha256, 0, content.value.size);
  const text = infoWithAddresses(
    Buffer.from(bytes).toString('utf8'),
    `${base}${(shelf === 'own' ? ownFolderOf : folderOf)(build)}`,
  );
  return success({ kind: 'text', text });
}
