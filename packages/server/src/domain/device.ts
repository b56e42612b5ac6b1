import { refusal, success, type DeviceState, type Result } from '@drover/contract';

/** What can be done to a device, by people (`adopt`, `provision`, ...) and by the server itself (`ready`, `fail`, `freed`). */
export const deviceActions = [
  'adopt',
  'provision',
  'reimage',
  'ready',
  'fail',
  'lease',
  'release',
  'freed',
  'update',
  'delete',
] as const;
export type DeviceAction = (typeof deviceActions)[number];

/** What is left of a device that was deleted. */
export type Gone = 'gone';

/** The whole state machine: action, state it is allowed in, state it leads to. What is not here is refused. */
const transitions: Record<DeviceAction, Partial<Record<DeviceState, DeviceState | Gone>>> = {
  adopt: { discovered: 'available' },
  provision: { available: 'preparing' },
  reimage: { preparing: 'preparing', 'in-use': 'preparing', failed: 'preparing' },
  // What the boot needs has been made.
  ready: { preparing: 'in-use' },
  // What the boot needs cannot be made.
  fail: { preparing: 'failed' },
  // Where nothing is to be switched off or asked, `freed` follows in the same transaction.
  release: { preparing: 'releasing', 'in-use': 'releasing', failed: 'releasing' },
  lease: { preparing: 'preparing', 'in-use': 'in-use', failed: 'failed' },
  freed: { releasing: 'available' },
  update: {
    available: 'available',
    preparing: 'preparing',
    'in-use': 'in-use',
    releasing: 'releasing',
    failed: 'failed',
  },
  delete: { discovered: 'gone', available: 'gone', failed: 'gone' },
};

/** The state an action leads to, undefined where it is not allowed. */
export const nextState = (action: DeviceAction, state: DeviceState): DeviceState | Gone | undefined =>
  transitions[action][state];

interface Named {
  readonly name: string;
  readonly state: DeviceState;
}

/** Whether an action is allowed; the refusal names the state and what to do instead. */
export const allowAction = (action: DeviceAction, device: Named): Result<DeviceState | Gone> => {
  const next = nextState(action, device.state);
  if (next !== undefined) return success(next);
  const allowed = Object.keys(transitions[action]).join(', ');
  return refusal(
    'device.state',
    `${device.name} is ${device.state}; only a device that is ${allowed} can be ${participles[action]}`,
    { remedy: remedyFor(action, device), conflicts: [device.name] },
  );
};

const participles: Record<DeviceAction, string> = {
  adopt: 'adopted',
  provision: 'provisioned',
  reimage: 'given another image',
  ready: 'made ready',
  fail: 'failed',
  lease: 'leased',
  release: 'released',
  freed: 'freed',
  update: 'changed',
  delete: 'deleted',
};

const remedyFor = (action: DeviceAction, { name, state }: Named): string => {
  if (state === 'discovered') return `Adopt it first: drover device adopt ${name}`;
  if (action === 'adopt') return 'It is adopted already; nothing needs to be done.';
  if (action === 'provision') {
    return `Give it another image with \`drover reimage ${name} --image X\`, or free it with \`drover release ${name}\`.`;
  }
  if (action === 'delete') return `Free it first: drover release ${name}`;
  if (state === 'available' && (action === 'reimage' || action === 'lease')) {
    return `Give it its first image: drover provision --device ${name} --image X`;
  }
  return state === 'available' ? 'It is free already; nothing needs to be done.' : 'Wait for it to become available.';
};
