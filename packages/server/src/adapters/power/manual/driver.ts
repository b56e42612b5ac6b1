import type { PowerDriver } from '../../../app/power/ports.js';
import type { Log } from '../../../app/ports.js';
import { powerDriver } from '../driver.js';

/** A person, who reads the log. That it was done shows when the board is heard of. */
export const manualDriver = (name: string, log: Pick<Log, 'info'>): PowerDriver =>
  powerDriver(name, {
    kind: 'manual',
    needs: [],
    set: async (target, to) => {
      const { id, name: device, mac, values } = target;
      log.info({ driver: name, device, id, mac, values }, `Somebody has to switch ${device} ${to}.`);
    },
    read: undefined,
  });
