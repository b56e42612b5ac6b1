import type { Powering } from '../../../src/app/devices/ports.js';

const powering: Powering = { ready: async () => undefined };

/** What use cases need of app/power, where nothing can switch a board. */
export const noPower = {
  powering,
  takesWork: () => false,
  refuseSupply: async () => undefined,
  onUnassigned: () => undefined,
};
