import type { PowerSupply } from '@drover/contract';
import type { PowerRecord } from '../../../app/devices/ports.js';
import { fromJson, toJson } from '../codec.js';
import type { DeviceRow } from '../schema-devices.js';

type PowerColumns = Pick<
  DeviceRow,
  | 'power_driver'
  | 'power_values'
  | 'power_place'
  | 'power_wanted'
  | 'power_state'
  | 'power_since'
  | 'power_failure'
  | 'power_acted_at'
  | 'power_proof_until'
>;

const none: PowerColumns = {
  power_driver: null,
  power_values: null,
  power_place: null,
  power_wanted: null,
  power_state: null,
  power_since: null,
  power_failure: null,
  power_acted_at: null,
  power_proof_until: null,
};

/** The same text for the same place, in whatever order its values were given. */
export const placeOf = ({ driver, values }: PowerSupply): string =>
  toJson([driver, Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))]);

export const powerColumns = (power: PowerRecord | null): PowerColumns =>
  power === null
    ? none
    : {
        power_driver: power.driver,
        power_values: toJson(power.values),
        power_place: placeOf(power),
        power_wanted: power.wanted,
        power_state: power.state,
        power_since: power.stateSince,
        power_failure: power.failure,
        power_acted_at: power.actedAt,
        power_proof_until: power.proofUntil,
      };

export const toPower = (row: PowerColumns): PowerRecord | null =>
  row.power_driver === null || row.power_values === null || row.power_state === null
    ? null
    : {
        driver: row.power_driver,
        values: fromJson(row.power_values),
        wanted: row.power_wanted,
        state: row.power_state,
        stateSince: row.power_since,
        failure: row.power_failure,
        actedAt: row.power_acted_at,
        proofUntil: row.power_proof_until,
      };
