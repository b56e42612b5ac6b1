/** The last bytes of a stream, up to a limit. */
export interface Backlog {
  add(bytes: Uint8Array): void;
  /** From the oldest on. */
  read(): Uint8Array;
  readonly length: number;
  clear(): void;
}

export function createBacklog(limit: number): Backlog {
  let pieces: Uint8Array[] = [];
  let length = 0;
  return {
    add: (bytes) => {
      const kept = bytes.length > limit ? bytes.subarray(bytes.length - limit) : bytes;
      pieces.push(Uint8Array.from(kept));
      length += kept.length;
      while (length > limit) {
        const [oldest = kept] = pieces;
        const over = length - limit;
        if (over >= oldest.length) pieces.shift();
        else pieces[0] = oldest.subarray(over);
        length -= Math.min(over, oldest.length);
      }
      // A line that is typed on comes byte by byte.
      if (pieces.length > 1024) pieces = [joined(pieces, length)];
    },
    read: () => joined(pieces, length),
    get length() {
      return length;
    },
    clear: () => {
      pieces = [];
      length = 0;
    },
  };
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
