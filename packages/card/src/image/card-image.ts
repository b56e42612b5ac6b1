/** Something that can be written to a card, from its beginning. */
export interface CardImage {
  /** As people call it. */
  readonly name: string;
  /** Bytes of the disk; null where its container does not tell. */
  readonly size: number | null;
  /** sha256 it has to have, where that is known. */
  readonly sha256: string | undefined;
  /** Its bytes. Each call begins anew. Throws RefusedError. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
}
