import { expect, it } from 'vitest';
import type { Switched } from '../../../src/app/power/ports.js';
import { board, configured, describePowerDriver, patient, type Said } from './driver-suite.js';

/** A person who reads the log, and does what it says. */
describePowerDriver(
  'manual',
  async () => {
    const supplies = new Map<string, Switched>();
    let orders = 0;
    return {
      settings: { kind: 'manual' },
      boards: [{ shelf: '1' }, { shelf: '2' }, { shelf: '3' }],
      reader: ({ fields, message }) => {
        orders += 1;
        const { shelf = '' } = (fields as { values: Record<string, string> }).values;
        supplies.set(shelf, message.endsWith(' on.') ? 'on' : 'off');
      },
      state: async ({ shelf = '' }) => supplies.get(shelf) ?? 'off',
      asked: async () => orders,
      canQuery: false,
      stop: async () => undefined,
    };
  },
  { failures: false },
);

it('tells a person which board, and where it is', async () => {
  const said: Said[] = [];
  await configured({ kind: 'manual' }, (each) => said.push(each)).driver.switch(
    board({ shelf: '2' }),
    'off',
    patient(),
  );
  expect(said).toEqual([
    {
      message: 'Somebody has to switch pi-7 off.',
      fields: {
        driver: 'under-test',
        device: 'pi-7',
        id: 'dev_01JZ0000000000000000000007',
        mac: 'dc:a6:32:01:36:c2',
        values: { shelf: '2' },
      },
    },
  ]);
});
