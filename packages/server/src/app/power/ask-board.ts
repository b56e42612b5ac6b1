import { withTimeLimit } from '@drover/contract';
import type { OrderDesk } from '../disks/order-desk.js';

/** The boot plane takes an order at once, and waits for a board for 3 s. */
const answerMs = 6_000;

/**
 * Asks a board that is up whether it still is, through the boot plane, which holds a question of it. False where the board was not heard lately either. Rejects while the
 * boot plane is away.
 */
export const createAskBoard =
  (desk: Pick<OrderDesk, 'place'>) =>
  async (device: string, signal: AbortSignal): Promise<boolean> => {
    const { isAlive } = await desk.place(
      { id: `ask_${device}`, work: { kind: 'challenge', device } },
      { signal: withTimeLimit(signal, answerMs), progress: () => undefined },
    );
    return isAlive === true;
  };
