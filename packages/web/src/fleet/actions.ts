import type { Device } from '@drover/contract';

/** What can be done to many boards at once. */
export const bulkActions = ['adopt', 'provision', 'release', 'on', 'off', 'cycle', 'label', 'delete'] as const;
export type BulkAction = (typeof bulkActions)[number];

/** Why an action is nothing for a board; undefined: it can be tried. The server has the last word. */
export const unfitReason = (action: BulkAction, { state, power }: Device): string | undefined => {
  switch (action) {
    case 'adopt':
      return state === 'discovered' ? undefined : 'is adopted already';
    case 'provision':
      if (state === 'discovered') return 'must be adopted first';
      return state === 'available' ? undefined : 'has an image: release it first';
    case 'release':
      return ['in-use', 'preparing', 'failed'].includes(state) ? undefined : 'has no image to give back';
    case 'on':
    case 'off':
    case 'cycle':
      if (state === 'discovered') return 'must be adopted first';
      return power === null ? 'has no power supply that the server can switch' : undefined;
    case 'label':
      return state === 'discovered' ? 'must be adopted first' : undefined;
    case 'delete':
      return ['discovered', 'available', 'failed'].includes(state) ? undefined : 'is in use: release it first';
  }
};

export interface Fit {
  readonly fit: readonly Device[];
  readonly unfit: readonly { readonly device: Device; readonly reason: string }[];
}

/** Those an action is for, and why not the others. */
export const sortOut = (action: BulkAction, devices: readonly Device[]): Fit => {
  const fit: Device[] = [];
  const unfit: { device: Device; reason: string }[] = [];
  for (const device of devices) {
    const reason = unfitReason(action, device);
    if (reason === undefined) fit.push(device);
    else unfit.push({ device, reason });
  }
  return { fit, unfit };
};
