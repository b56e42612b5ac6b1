import { rawView, type ClusterCache, type DiskView } from '@drover/disk-image';
import { openBlockSource } from '../block-file.js';

/** An image that is open. */
export interface OpenImage {
  readonly path: string;
  readonly view: DiskView;
  close(): Promise<void>;
}

/** Opens an image. What many read of it is in memory once: the cache knows it by its digest. */
export async function openImage(digest: string, path: string, cache: ClusterCache): Promise<OpenImage> {
  const source = await openBlockSource(path);
  return { path, view: rawView(cache.open(digest, source)), close: () => source.close() };
}
