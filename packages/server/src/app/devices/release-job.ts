import { success, type Result } from '@drover/contract';
import type { JobContext, JobHandler } from '../jobs/handler.js';
import type { Store } from '../store/ports.js';
import { changeDevice } from './change.js';
import type { DeviceRecord } from './ports.js';
import { finishRelease, type ReleaseDeps, type ReleaseOrder } from './release.js';

export interface ReleaseJobDeps extends Pick<ReleaseDeps, 'clock' | 'prepare'> {
  readonly store: Store;
  /** app/power: switches it off, where something can. */
  readonly switchOff: (device: DeviceRecord, signal: AbortSignal) => Promise<Result<null>>;
  /** Asks the hook of the settings, where there is one. */
  readonly hook: (device: DeviceRecord, image: string | null, signal: AbortSignal) => Promise<Result<null>>;
}

type Input = ReleaseOrder & { readonly device: string; readonly image: string | null };
const inputOf = ({ input }: JobContext): Input => input as unknown as Input;

/**
 * Releases a device: the hook is asked while the board still runs, then it is switched off, then what was made for it goes. What refuses, or is cancelled, leaves the device
 * `failed` with the reason; it is released again, with force where need be.
 */
export const createReleaseJob = (deps: ReleaseJobDeps): JobHandler => ({
  kind: 'device.release',
  run: async (context) => {
    const { device: id, force, ...order } = inputOf(context);
    const device = await deps.store.read((tx) => tx.devices.get(id));
    if (device?.state !== 'releasing') return success({ device: id });
    const steps: readonly (readonly [string, () => Promise<Result<null>>])[] = [
      ['ask the hook', () => deps.hook(device, order.image, context.signal)],
      ['switch it off', () => deps.switchOff(device, context.signal)],
    ];
    const ignored: string[] = [];
    for (const [index, [name, work]] of steps.entries()) {
      if (Number(context.checkpoint['done'] ?? 0) > index) continue;
      context.progress({ step: name, done: index, total: steps.length, unit: 'steps' });
      const done = await work();
      if (!done.ok && !force) return done;
      if (!done.ok) ignored.push(done.detail);
      await context.saveCheckpoint({ done: index + 1 });
    }
    await deps.store.transaction(async (tx) => {
      const now = await tx.devices.get(id);
      if (now?.state === 'releasing') await finishRelease(deps, tx, now, order);
    });
    return success({ device: id, ...(ignored.length === 0 ? {} : { ignored }) });
  },
  unwind: async (tx, context, { reason }) => {
    const device = await tx.devices.get(inputOf(context).device);
    if (device?.state !== 'releasing') return device === undefined ? undefined : { device: device.id };
    const at = new Date(deps.clock.now()).toISOString();
    const stateReason = `it could not be released: ${reason}`;
    const data = { imageName: inputOf(context).image, reason: stateReason };
    await changeDevice(tx, device, { state: 'failed', stateReason }, { type: 'device.failed', at, data });
    return undefined;
  },
});
