import type { BuildFileName, Result } from '@drover/contract';

/** Which recipe, with the files it is in. */
export type RecipeFiles =
  | { readonly kind: 'shipped'; readonly name: string }
  | { readonly kind: 'folder'; readonly name: string }
  /** `tar`: a file; `path`: within it. `scratch`: a folder for what is in it, which is not there yet. */
  | { readonly kind: 'upload'; readonly tar: string; readonly path: string; readonly scratch: string };

export interface BuildRequest {
  readonly recipe: RecipeFiles;
  /** As small as it gets, however long that takes. */
  readonly release: boolean;
  /** A file with the list of packages to take again. */
  readonly lock: string | null;
}

/** What a build tells of itself while it runs. */
export type BuildEvent =
  | {
      readonly kind: 'stage';
      readonly number: number;
      readonly of: number;
      readonly title: string;
      /** Done before, and used again. */
      readonly kept: boolean;
    }
  | { readonly kind: 'stage-done'; readonly title: string; readonly seconds: number }
  | { readonly kind: 'output'; readonly text: string };

export interface MadeFile {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
}

/** What a build made, in files that may be moved away. */
export interface MadeImage {
  readonly name: string;
  readonly version: string;
  readonly disk: MadeFile;
  readonly files: readonly (MadeFile & { readonly name: BuildFileName })[];
}

/** The disk of an image: a file of this machine, or a stream where the store is elsewhere. */
export interface OpenedImage {
  readonly sha256: string;
  readonly disk: { readonly path: string } | { readonly bytes: AsyncIterable<Uint8Array> };
}

/** Plain data in, plain data out, so that it may live in a process of its own. */
export interface ImageBuilder {
  /**
   * Builds an image. What it finished is kept, so that the next build goes on there. Throws RefusedError with reason and remedy; rejects with the signal's
   * reason, and nothing of it runs any more then.
   */
  build(
    request: BuildRequest,
    options: {
      readonly onEvent: (event: BuildEvent) => void;
      readonly signal: AbortSignal;
      /** An image that whoever builds sees, for a recipe that begins with one. Throws RefusedError. */
      readonly openImage: (ref: string) => Promise<OpenedImage>;
      /** Takes what was made; the rest is deleted when this returns. */
      readonly deliver: (made: MadeImage) => Promise<void>;
    },
  ): Promise<void>;
}

/** Recipes that are on the server. */
export interface RecipeBook {
  /** Names of all the recipe extends, and its own; refuses what is not there or cannot be used. */
  chainOf(recipe: { readonly kind: 'shipped' | 'folder'; readonly name: string }): Promise<Result<readonly string[]>>;
}

/** What is written while a build runs. */
export interface LogWriter {
  /** Written out soon, in order. */
  write(text: string): void;
  /** All of it is in the file. */
  close(): Promise<void>;
}

/**
 * The logs of builds: bounded, with the beginning and the end of one that is too long. A place in a log counts all bytes that were ever written, also those
 * that were dropped.
 */
export interface BuildLogs {
  /** Goes on where an earlier run of the same build ended. */
  append(build: string): Promise<LogWriter>;
  /** Bytes ever written. */
  size(build: string): Promise<number>;
  /** What there is from a place on, up to a limit of its own; `next` is the place behind it. Says in words how much was dropped. */
  read(build: string, offset: number): Promise<{ readonly bytes: Uint8Array; readonly next: number }>;
  delete(build: string): Promise<void>;
  list(): Promise<string[]>;
}
