import { success, type PowerAction, type Result } from '@drover/contract';
import type { DeviceRecord } from '../devices/ports.js';
import type { JobContext, JobHandler } from '../jobs/handler.js';
import { pause } from '../jobs/pause.js';
import { note, switchBoard, type SwitchDeps } from './switching.js';
import { targetOf } from './supply.js';

export interface PowerJobDeps extends SwitchDeps {
  /** Between off and on of a cycle: what a board's supply takes to run empty. */
  readonly cycleMs?: number;
}

const defaultCycleMs = 1000;

/**
 * Switches a device: off and on are said to the driver once more when the server ended in between, which changes nothing. A cycle that was cancelled with the
 * board off puts it on again.
 */
export const createPowerJob = (deps: PowerJobDeps): JobHandler => ({
  kind: 'device.power',
  run: async (context) => {
    const device = await deps.store.read((tx) => tx.devices.get(subjectOf(context)));
    if (device?.power == null) return success({ done: 'nothing: it has no power driver any more' });
    const done = await act(deps, context, device, context.input['action'] as PowerAction | 'restore');
    return done.ok ? success({ device: device.id, ...done.value }) : done;
  },
  undo: async (context) => {
    if (context.checkpoint['isOff'] !== true) return;
    const device = await deps.store.read((tx) => tx.devices.get(subjectOf(context)));
    if (device?.power != null) await switchBoard(deps, device, 'on', new AbortController().signal);
  },
});

const subjectOf = ({ input }: JobContext): string => String(input['device']);

async function act(
  deps: PowerJobDeps,
  context: JobContext,
  device: DeviceRecord,
  action: PowerAction | 'restore',
): Promise<Result<Record<string, unknown>>> {
  const step = (name: string, done: number, total: number): void =>
    context.progress({ step: name, done, total, unit: 'steps' });
  switch (action) {
    case 'on':
    case 'off': {
      step(`switch ${action}`, 0, 1);
      const switched = await switchBoard(deps, device, action, context.signal);
      return switched.ok ? success({ switched: action }) : switched;
    }
    case 'cycle': {
      if (context.checkpoint['isOff'] !== true) {
        step('switch off', 0, 2);
        const off = await switchBoard(deps, device, 'off', context.signal);
        if (!off.ok) return off;
        await context.saveCheckpoint({ isOff: true });
        await pause(deps.cycleMs ?? defaultCycleMs, context.signal);
      }
      step('switch on', 1, 2);
      const on = await switchBoard(deps, device, 'on', context.signal);
      return on.ok ? success({ switched: 'off, on' }) : on;
    }
    case 'query':
      step('ask', 0, 1);
      return query(deps, device, context.signal);
    case 'restore':
      step('switch on', 0, 1);
      return restore(deps, device, context.signal);
  }
}

/** On, unless the driver says that it is. Nothing needs to show that: a board that runs for days may have nothing to say. */
async function restore(
  deps: PowerJobDeps,
  device: DeviceRecord,
  signal: AbortSignal,
): Promise<Result<Record<string, unknown>>> {
  const { power } = device;
  if (power === null) return success({});
  const canQuery = deps.desk.drivers.get(power.driver)?.driver.canQuery === true;
  const said = canQuery ? await deps.desk.query(power.driver, targetOf(device), signal) : undefined;
  if (said?.ok === true && said.value === 'on') return success({ switched: 'nothing' });
  if (said?.ok === true || power.state === 'off') {
    const switched = await switchBoard(deps, device, 'on', signal);
    return switched.ok ? success({ switched: 'on' }) : switched;
  }
  const switched = await deps.desk.switch(power.driver, targetOf(device), 'on', signal);
  return switched.ok ? success({ switched: 'on' }) : switched;
}

/** What the driver says is noted where it contradicts what is known; that a board has power does not prove that it runs. */
async function query(
  deps: PowerJobDeps,
  device: DeviceRecord,
  signal: AbortSignal,
): Promise<Result<Record<string, unknown>>> {
  const { power } = device;
  if (power === null) return success({});
  const said = await deps.desk.query(power.driver, targetOf(device), signal);
  if (!said.ok) return said;
  const isKnown = said.value === 'off' ? power.state === 'off' : power.state !== 'off' && power.state !== 'unknown';
  if (!isKnown) {
    const stateSince = new Date(deps.clock.now()).toISOString();
    const change = { state: said.value, stateSince, failure: null, proofUntil: null };
    await note(deps, device.id, 'power.proved', change, { state: said.value, by: 'the driver' });
  }
  return success({ state: said.value });
}
