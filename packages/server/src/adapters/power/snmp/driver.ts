import type { PowerDriver, PowerTarget } from '../../../app/power/ports.js';
import { PowerFault, powerDriver, unfit } from '../driver.js';
import type { SnmpSettings } from '../settings.js';
import { withAgent } from './session.js';

/** RFC 3621: pethPsePortTable, whose rows are group and port. */
const table = '1.3.6.1.2.1.105.1.1.1';
const adminEnable = 3;
const detectionStatus = 6;
const truth = { on: 1, off: 2 } as const;

/** pethPsePortDetectionStatus. */
const statuses: Readonly<Record<number, string>> = {
  1: 'off',
  2: 'off',
  3: 'on',
  4: 'fault',
  5: 'test',
  6: 'otherFault',
};

const indexOf = (target: PowerTarget, name: string, usual: string): string => {
  const text = target.values[name] ?? usual;
  if (/^[1-9]\d{0,8}$/.test(text)) return text;
  throw unfit(`power.values.${name}`, 'is not the number of a port of the switch', 'Write a whole number from 1.');
};

const rowOf = (target: PowerTarget): string => `${indexOf(target, 'group', '1')}.${indexOf(target, 'port', '')}`;

/** PoE ports of one switch. What was set is read back: some switches take a set they do not carry out. */
export const snmpDriver = (name: string, settings: SnmpSettings): PowerDriver =>
  powerDriver(name, {
    kind: 'snmp',
    needs: ['port'],
    set: async (target, to, signal) => {
      const row = rowOf(target);
      const oid = `${table}.${adminEnable}.${row}`;
      await withAgent(settings, signal, async (agent) => {
        await agent.set(oid, truth[to]);
        const now = await agent.get(oid);
        if (now !== truth[to]) throw new PowerFault(`the switch took it, and its port ${row} stays as it was`);
      });
    },
    read: async (target, signal) => {
      const row = rowOf(target);
      const status = await withAgent(settings, signal, (agent) => agent.get(`${table}.${detectionStatus}.${row}`));
      const state = statuses[status] ?? `status ${status}`;
      if (state === 'on' || state === 'off') return state;
      throw new PowerFault(
        `the switch reports ${state} of its port ${row}`,
        'Look at the cable, and at what the switch says.',
      );
    },
  });
