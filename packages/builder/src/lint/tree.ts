/** A finished image, as the checks see it. Paths have no slash in front. */
export interface LintTree {
  /** Regular files below a folder of the root, at any depth, with their size in bytes. An absent folder has none. */
  files(folder: string): AsyncIterable<{ readonly path: string; readonly size: number }>;
  /** The first bytes of a regular file of the root; undefined where there is none. */
  head(path: string, length: number): Promise<Uint8Array | undefined>;
  /** Whether the root has such a folder. */
  hasFolder(path: string): Promise<boolean>;
  /** Files of the boot partition. */
  readonly boot: readonly { readonly path: string; readonly size: number }[];
  bootHead(path: string, length: number): Promise<Uint8Array | undefined>;
  /** What the boot partition starts, with the releases the kernels tell; null where one does not. */
  readonly kernels: readonly { readonly file: string; readonly release: string | null }[];
}

/** Something that must not be in an image. */
export interface LintFinding {
  readonly check: string;
  /** In the root as `/etc/...`, in the boot partition as `boot: config.txt`. */
  readonly place: string;
  readonly message: string;
  readonly remedy: string;
}
