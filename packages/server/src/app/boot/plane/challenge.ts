import { provenBoot, type BoardBook } from './board-book.js';
import type { Liveness } from './liveness.js';

interface Deps {
  readonly book: Pick<BoardBook, 'byDevice'>;
  readonly liveness: Pick<Liveness, 'isAlive'>;
}

/** Whether the board of a device answers just now, at the boot that has proved itself. */
export const createChallenge =
  ({ book, liveness }: Deps) =>
  async (device: string): Promise<boolean> => {
    const board = book.byDevice(device);
    const boot = board && provenBoot(board);
    return boot != null && liveness.isAlive(boot.track.id);
  };
