import type { RootMode } from '@drover/contract';
import type { Transaction } from '../store/ports.js';
import { changeDevice } from './change.js';
import type { DeviceRecord } from './ports.js';
import { markInUse, type ReadyDeps } from './ready.js';

const atOnce = 200;

/** Every device that waits for what is made of this image for one of these root modes, as it is in this transaction. */
const waitingFor = async (tx: Transaction, image: string, modes: readonly RootMode[]): Promise<DeviceRecord[]> => {
  const waiting: DeviceRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await tx.devices.list(
      { image, state: 'preparing' },
      { limit: atOnce, ...(cursor === undefined ? {} : { cursor }) },
    );
    // Others wait for a disk of their own, or for more than this.
    waiting.push(...page.items.filter(({ assignment }) => assignment !== null && modes.includes(assignment.rootMode)));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return waiting;
};

export interface Waiting {
  /** What boards of this image need in these root modes is there: those that wait for it are in use. Call it in the transaction that made it so. */
  readonly markReady: (tx: Transaction, image: string, modes: readonly RootMode[]) => Promise<void>;
  /** It cannot be made: those that wait for it have failed, with the reason. */
  readonly markFailed: (tx: Transaction, image: string, reason: string, modes: readonly RootMode[]) => Promise<void>;
}

export const createWaiting = (deps: ReadyDeps): Waiting => {
  const { clock } = deps;
  const now = (): string => new Date(clock.now()).toISOString();
  return {
    markReady: async (tx, image, modes) => {
      for (const device of await waitingFor(tx, image, modes)) {
        await markInUse(deps, tx, device);
      }
    },
    markFailed: async (tx, image, reason, modes) => {
      for (const device of await waitingFor(tx, image, modes)) {
        await changeDevice(
          tx,
          device,
          { state: 'failed', stateReason: reason },
          { type: 'device.failed', at: now(), data: { imageName: device.assignment?.imageName, reason } },
        );
      }
    },
  };
};
