const MiB = 1024 * 1024;

/** What is written, digested and compared at once. */
export const pieceSize = 4 * MiB;

/** Cuts a stream into pieces of {@link pieceSize}; the last may be shorter. The same memory is used for each. */
export async function* piecesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const piece = Buffer.allocUnsafe(pieceSize);
  let filled = 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + pieceSize - filled);
      piece.set(part, filled);
      at += part.length;
      filled += part.length;
      if (filled < pieceSize) continue;
      yield piece;
      filled = 0;
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** What is looked at for zeros: smaller holes than this are not worth a write more. */
const blockSize = 64 * 1024;
const zeros = Buffer.alloc(blockSize);

/** The stretches of a piece that are not zeros, first byte and the one behind the last. */
export function dataRuns(piece: Uint8Array): [start: number, end: number][] {
  const runs: [number, number][] = [];
  for (let at = 0; at < piece.length; at += blockSize) {
    const end = Math.min(at + blockSize, piece.length);
    if (zeros.subarray(0, end - at).equals(piece.subarray(at, end))) continue;
    const last = runs.at(-1);
    if (last?.[1] === at) last[1] = end;
    else runs.push([at, end]);
  }
  return runs;
}
