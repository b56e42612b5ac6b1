/** Bytes of the new file: copied from the old one, or brought along. They follow one another in the new file without gaps. */
export type Instruction =
  | {
      readonly kind: 'copy';
      /** Where in the old file. */
      readonly offset: number;
      readonly length: number;
    }
  | {
      readonly kind: 'insert';
      /** Where in the new file. */
      readonly offset: number;
      readonly length: number;
    };

/** How one file becomes another. */
export interface DeltaPlan {
  readonly oldSize: number;
  readonly newSize: number;
  readonly instructions: readonly Instruction[];
}

export interface DeltaOptions {
  /** Copies are at least so long. */
  readonly shortest?: number;
  /** As many instructions at most: each is a program that a board starts. */
  readonly most?: number;
  readonly signal?: AbortSignal;
  /** Bytes of both files that were looked at. */
  readonly onProgress?: (done: number) => void;
}
