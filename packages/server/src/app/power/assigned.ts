import type { DeviceRecord, Powering } from '../devices/ports.js';
import type { EnqueueJob } from '../jobs/handler.js';
import type { Clock, Log } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import type { PowerDesk } from './desk.js';
import { beginPower } from './power.js';

interface Deps {
  readonly enqueue: EnqueueJob;
  readonly desk: Pick<PowerDesk, 'drivers'>;
}

const canSwitch = ({ desk }: Deps, { power }: DeviceRecord): boolean =>
  power !== null && desk.drivers.has(power.driver);

/** A board gets power when it has something to boot, so that it boots that: one that never came up with it is restarted. Another image waits for the next boot. */
export const createPowering = (deps: Deps): Powering => ({
  ready: async (tx, device) => {
    if (!canSwitch(deps, device) || device.upGeneration !== null) return;
    // One that is being switched already: whoever does that wants something else of it.
    await beginPower(deps, tx, device, device.power?.state === 'off' ? 'on' : 'cycle');
  },
});

const atOnce = 500;

/** At the start of a server: boards in use that nobody switched off have power again, whatever happened to it meanwhile. Returns how many are looked at. */
export async function restorePower(deps: Deps & { readonly store: Store }): Promise<number> {
  let looked = 0;
  let cursor: string | undefined;
  do {
    const page = await deps.store.read((tx) =>
      tx.devices.list({ state: 'in-use' }, { limit: atOnce, ...(cursor === undefined ? {} : { cursor }) }),
    );
    const boards = page.items.filter((device) => canRestore(deps, device));
    await deps.store.transaction(async (tx) => {
      for (const { id } of boards) await restore(deps, tx, id);
    });
    looked += boards.length;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return looked;
}

/** A person who is asked at each start of the server soon looks away. */
const canRestore = (deps: Deps, device: DeviceRecord): boolean =>
  canSwitch(deps, device) &&
  device.power?.wanted !== 'off' &&
  deps.desk.drivers.get(device.power?.driver ?? '')?.driver.kind !== 'manual';

async function restore({ enqueue }: Deps, tx: Transaction, id: string): Promise<void> {
  if ((await tx.jobs.unfinished('device.power', id)) !== undefined) return;
  const device = await tx.devices.get(id);
  if (device?.state !== 'in-use') return;
  await enqueue(tx, {
    kind: 'device.power',
    tenant: device.tenant,
    subject: id,
    input: { device: id, action: 'restore' },
  });
}

const unassignedEveryMs = 60_000;
const mostRemembered = 10_000;

/** Switches off boards that ask for something to boot and have nothing: each at most once a minute. */
export function createOffUnassigned(
  deps: Deps & { readonly store: Store; readonly clock: Clock; readonly log: Log },
): (device: DeviceRecord) => void {
  const last = new Map<string, number>();
  return (device) => {
    const now = deps.clock.now();
    if (!canSwitch(deps, device) || device.assignment !== null) return;
    if (now - (last.get(device.id) ?? -Infinity) < unassignedEveryMs) return;
    if (last.size >= mostRemembered) last.clear();
    last.set(device.id, now);
    deps.store
      .transaction(async (tx) => {
        const current = await tx.devices.get(device.id);
        if (current?.assignment === null) await beginPower(deps, tx, current, 'off');
      })
      .catch((error: unknown) =>
        deps.log.error({ err: error, device: device.id }, 'a board without an image could not be switched off'),
      );
  };
}
