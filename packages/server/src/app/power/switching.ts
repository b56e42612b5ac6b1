import { type Result } from '@drover/contract';
import { changeDevice } from '../devices/change.js';
import type { DeviceRecord, PowerRecord } from '../devices/ports.js';
import type { Clock } from '../ports.js';
import type { Store } from '../store/ports.js';
import type { PowerDesk } from './desk.js';
import type { Switched } from './ports.js';
import { targetOf } from './supply.js';

export interface SwitchDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly desk: PowerDesk;
  /** How long something may take to show that a board was switched. */
  readonly proveSeconds: number;
}

/** Switches a board that has a driver, asks the driver where that can tell, and writes down what came of it with its event. */
export async function switchBoard(
  deps: SwitchDeps,
  device: DeviceRecord,
  to: Switched,
  signal: AbortSignal,
): Promise<Result<null>> {
  const { power } = device;
  if (power === null) throw new Error(`the device ${device.id} has no power driver`);
  const begunAt = deps.clock.now();
  const switched = await deps.desk.switch(power.driver, targetOf(device), to, signal);
  if (!switched.ok) {
    await note(deps, device.id, 'power.failed', { failure: switched.detail }, { wanted: to, reason: switched.detail });
    return switched;
  }
  // A driver takes its time, and tries again: a board may be heard before it says that it is on, and until it says that it is off.
  const actedAt = new Date(to === 'on' ? begunAt : deps.clock.now()).toISOString();
  const proofUntil = new Date(deps.clock.now() + deps.proveSeconds * 1000).toISOString();
  const state = to === 'on' ? ('starting' as const) : ('off' as const);
  const change = { wanted: to, state, stateSince: actedAt, failure: null, actedAt, proofUntil };
  await note(deps, device.id, 'power.switched', change, { to, driver: power.driver });
  return to === 'off' ? askWhetherOff(deps, device, power, signal) : switched;
}

/** A driver that can tell proves it at once, or says that it does not do what it said. What it means may be another board: the silence of this one is still to show it. */
async function askWhetherOff(
  deps: SwitchDeps,
  device: DeviceRecord,
  { driver }: PowerRecord,
  signal: AbortSignal,
): Promise<Result<null>> {
  const done = { ok: true, value: null } as const;
  if (deps.desk.drivers.get(driver)?.driver.canQuery !== true) return done;
  const said = await deps.desk.query(driver, targetOf(device), signal);
  if (!said.ok) return done;
  if (said.value === 'off') {
    await note(deps, device.id, 'power.proved', {}, { state: 'off', by: 'the driver' });
    return done;
  }
  const reason = 'the driver says that it is still on';
  const change = { state: 'unproven' as const, failure: reason, proofUntil: null };
  await note(deps, device.id, 'power.failed', change, { wanted: 'off', reason });
  return { ok: false, code: 'power.failed', detail: `${device.name} was switched off, and ${reason}.` };
}

/** Changes what is known of a board's power, if it still has a driver, with the event. */
export async function note(
  { store, clock }: Pick<SwitchDeps, 'store' | 'clock'>,
  id: string,
  type: 'power.switched' | 'power.proved' | 'power.failed',
  change: Partial<PowerRecord>,
  data: Record<string, unknown>,
): Promise<void> {
  const at = new Date(clock.now()).toISOString();
  await store.transaction(async (tx) => {
    const device = await tx.devices.get(id);
    if (device?.power == null) return;
    await changeDevice(tx, device, { power: { ...device.power, ...change } }, { type, at, data });
  });
}
