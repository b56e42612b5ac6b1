import type { BootDocument, CardImageFile } from '@drover/contract';

/** Where the files of an image are, and what they must be. */
export interface CardImage {
  readonly initfs: CardImageFile;
  readonly rootfs: CardImageFile;
}

/** Names in one order, so that the same document has the same bytes whoever wrote it. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, each]) => [name, sorted(each)]));
};

const fileOf = (file: CardImageFile | null | undefined): CardImageFile => ({
  url: file?.url ?? '',
  md5sum: file?.md5sum ?? '',
  ...(file?.sha256 === undefined ? {} : { sha256: file.sha256 }),
});

/**
 * A document as a card of CattlePi gets it: its five keys in one order, empty where nothing is said. The same document is the same bytes, for cards compare
 * them.
 */
export const cardDocument = (document: BootDocument, image?: CardImage): string =>
  JSON.stringify({
    initfs: fileOf(document.initfs ?? image?.initfs),
    rootfs: fileOf(document.rootfs ?? image?.rootfs),
    bootcode: document.bootcode ?? '',
    usercode: document.usercode ?? '',
    config: sorted(document.config ?? {}),
  });

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Left out, null and "" are the same: nothing is said. */
const isUnsaid = (value: unknown): boolean => value === undefined || value === null || value === '';

/** What is no object is left to be refused by the schema. */
const postedFile = (value: unknown): unknown => {
  if (isUnsaid(value)) return { url: '', md5sum: '' };
  if (!isObject(value)) return value;
  const { url, md5sum, sha256 } = value;
  return { url: url ?? '', md5sum: md5sum ?? '', ...(isUnsaid(sha256) ? {} : { sha256 }) };
};

/** What was posted through CattlePi's API as a document to be checked: known keys only, none of them missing. */
export const postedDocument = (posted: unknown): unknown =>
  isObject(posted)
    ? {
        initfs: postedFile(posted['initfs']),
        rootfs: postedFile(posted['rootfs']),
        bootcode: posted['bootcode'] ?? '',
        usercode: posted['usercode'] ?? '',
        config: isUnsaid(posted['config']) ? {} : posted['config'],
      }
    : posted;

/** Values of `info.sh`, which a build writes: INITFS='...' and so on. */
export const infoValues = (text: string): ReadonlyMap<string, string> =>
  new Map(
    [...text.matchAll(/^([A-Z0-9]+)='?([^'\n]*)'?$/gm)].map(([, name, value]): [string, string] => [
      name ?? '',
      value ?? '',
    ]),
  );
