/** A line that transfers share: each that waits gets one piece in its turn, so that a hundred boards that come up together all move. */
export interface FairLine {
  /** Bytes of one turn, at most. */
  readonly piece: number;
  /** Resolves when so many bytes may go. */
  pass(bytes: number): Promise<void>;
}

/** Turns a second: short enough that nobody waits long, long enough that a turn is worth its read. */
const turnsPerSecond = 20;
const leastPiece = 16 * 1024;
const mostPiece = 1024 * 1024;
/** What a late timer, or a pause, may be made up for, ms. */
const slackMs = 100;

interface Waiting {
  readonly bytes: number;
  readonly go: () => void;
}

/**
 * `now` is in ms. Who is slow by itself waits here seldom and leaves its share to others. A turn of somebody who has gone meanwhile is lost, which is one piece.
 */
export function createFairLine(bytesPerSecond: number, now: () => number = () => performance.now()): FairLine {
  const waiting: Waiting[] = [];
  let freeAt = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  const serve = (): void => {
    timer = undefined;
    const at = now();
    freeAt = Math.max(freeAt, at - slackMs);
    while (freeAt <= at) {
      const next = waiting.shift();
      if (next === undefined) return;
      freeAt += (next.bytes * 1000) / bytesPerSecond;
      next.go();
    }
    if (waiting.length > 0) timer = setTimeout(serve, freeAt - at);
  };

  return {
    piece: Math.min(Math.max(Math.floor(bytesPerSecond / turnsPerSecond), leastPiece), mostPiece),
    pass: (bytes) =>
      new Promise((go) => {
        waiting.push({ bytes, go });
        if (timer === undefined) serve();
      }),
  };
}
