import * as z from 'zod';
import { Name, Timestamp } from '../primitives.js';

/** `ppi`: a program as Bakery's. `http`: requests made of templates. `snmp`: PoE ports of a switch (RFC 3621). `manual`: a person, who is told. */
export const powerDriverKinds = ['ppi', 'http', 'snmp', 'manual'] as const;
export const PowerDriverKind = z.enum(powerDriverKinds);
export type PowerDriverKind = z.infer<typeof PowerDriverKind>;

/** `cycle`: off, a second, on. `query` changes nothing: it asks the driver. */
export const powerActions = ['on', 'off', 'cycle', 'query'] as const;
export const PowerAction = z.enum(powerActions);
export type PowerAction = z.infer<typeof PowerAction>;

/** `starting`: switched on, and nothing was heard of the board yet. `unproven`: it was switched, and nothing shows that it did anything. */
export const powerStates = ['unknown', 'on', 'off', 'starting', 'unproven'] as const;
export const PowerState = z.enum(powerStates);
export type PowerState = z.infer<typeof PowerState>;

/** Which driver of the settings switches a board, and what that must know of it: `{ "driver": "rack-2", "values": { "port": "7" } }`. */
export const PowerSupply = z.object({
  driver: Name,
  values: z
    .record(
      z.string().regex(/^[a-z][a-zA-Z0-9]{0,31}$/, 'is not a name of letters and digits'),
      z.string().min(1).max(255),
    )
    .default({}),
});
export type PowerSupply = z.infer<typeof PowerSupply>;

export const DevicePower = z.object({
  ...PowerSupply.shape,
  /** What somebody, or an assignment, wants. */
  wanted: z.enum(['on', 'off']).nullable(),
  state: PowerState,
  stateSince: Timestamp.nullable(),
  /** Why the last action did not work, or what shows that it did not. */
  failure: z.string().nullable(),
});
export type DevicePower = z.infer<typeof DevicePower>;

/** A driver of the settings. */
export const PowerDriverInfo = z.object({
  name: Name,
  kind: PowerDriverKind,
  /** Values that each board needs. */
  needs: z.array(z.string()),
  /** Whether it can tell if a board has power. */
  canQuery: z.boolean(),
});
export type PowerDriverInfo = z.infer<typeof PowerDriverInfo>;

export const PowerRequest = z.object({ action: PowerAction });
export type PowerRequest = z.infer<typeof PowerRequest>;
