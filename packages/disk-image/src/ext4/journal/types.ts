/** Why a journal was not replayed, or not to its end. */
export type JournalFault =
  /** The superblock asks for a replay, but there is no journal. */
  | 'absent'
  /** It lies on a device of its own. */
  | 'external'
  /** It uses features that are not known here. */
  | 'unsupported'
  /** More is to be replayed than memory and time are given for. */
  | 'too-large'
  | 'corrupt'
  | 'checksum'
  /** It was replayed, but the fast commits that follow its last transaction were not. */
  | 'fast-commits';

/** What became of the journal when a volume was opened. `detail` completes a sentence: "its journal ...". */
export type JournalUse =
  /** There was nothing to replay. */
  | { readonly kind: 'clean' }
  /** What is read is what a kernel finds after its own replay: so many blocks of so many transactions. */
  | { readonly kind: 'replayed'; readonly transactions: number; readonly blocks: number }
  /** The volume is as it was at the last transaction: what came after it is not seen. */
  | {
      readonly kind: 'partial';
      readonly transactions: number;
      readonly blocks: number;
      readonly fault: JournalFault;
      readonly detail: string;
    }
  /** What is read is what lies on the disk: it may be stale or torn. */
  | { readonly kind: 'unusable'; readonly fault: JournalFault; readonly detail: string };

/** What the superblock of a journal says, checked against the file it is in. Blocks are counted in that file. */
export interface JournalLayout {
  readonly blockSize: number;
  /** First block of the log, and the one behind its last. */
  readonly first: number;
  readonly end: number;
  /** Where the first transaction to replay begins, or 0 when there is none, and its number. */
  readonly start: number;
  readonly sequence: number;
  readonly is64bit: boolean;
  /** Version of the checksums; 0: there are none. */
  readonly checksums: 0 | 1 | 2 | 3;
  readonly seed: number;
  /** First block of the fast commits. */
  readonly fastCommits: number | undefined;
}

export interface Unusable {
  readonly ok: false;
  readonly fault: JournalFault;
  readonly detail: string;
}

/** A value, or why a journal cannot be used. */
export type Checked<T> = { readonly ok: true; readonly value: T } | Unusable;

export const usable = <T>(value: T): Checked<T> => ({ ok: true, value });

export const unusable = (fault: JournalFault, detail: string): Unusable => ({ ok: false, fault, detail });
