import type { BootTree, BootTreeFile } from '../../../domain/boot-plan.js';
import { sourceOf, textFiles } from '../../../domain/boot-tree.js';
import type { BlobStore } from '../../blobs/ports.js';
import type { BootBackend } from '../ports.js';
import type { SegmentReader } from './segments.js';

export interface TreeLoader {
  /** The boot tree with the bytes of its text files. Rejects when neither the blobs nor the control plane have it. */
  load(digest: string): Promise<BootTree>;
}

interface TreeDeps {
  readonly blobs: Pick<BlobStore, 'stat' | 'read'>;
  readonly backend: Pick<BootBackend, 'tree'>;
  readonly segments: SegmentReader;
}

/** Trees kept in memory; a site runs few images. */
const keptTrees = 64;

export function createTreeLoader({ blobs, backend, segments }: TreeDeps): TreeLoader {
  const trees = new Map<string, Promise<BootTree>>();

  const fetch = async (digest: string): Promise<BootTree> => {
    const blob = await blobs.stat(digest);
    if (blob === undefined) return backend.tree(digest);
    const bytes = await blobs.read(digest, 0, blob.size);
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as BootTree;
  };

  const text = async (tree: BootTree, file: BootTreeFile): Promise<[string, string]> => {
    const bytes = await segments.read(sourceOf(tree, file), 0, file.size);
    return [file.path, Buffer.from(bytes).toString('latin1')];
  };

  const loadWithTexts = async (digest: string): Promise<BootTree> => {
    const tree = await fetch(digest);
    if (tree.version !== 1) throw new Error(`the boot tree ${digest} is of a version this Drover does not know`);
    const texts = await Promise.all(textFiles(tree).map((file) => text(tree, file)));
    return { ...tree, texts: Object.fromEntries(texts) };
  };

  return {
    load: (digest) => {
      const known = trees.get(digest);
      trees.delete(digest);
      const loading = known ?? loadWithTexts(digest);
      trees.set(digest, loading);
      if (known === undefined) loading.catch(() => trees.delete(digest));
      for (const oldest of trees.keys()) {
        if (trees.size <= keptTrees) break;
        trees.delete(oldest);
      }
      return loading;
    },
  };
}
