import { sql } from 'kysely';
import type { Assignment, Identity } from '@drover/contract';
import type { DeviceChange, DeviceRecord } from '../../../app/devices/ports.js';
import type { HeardBeat } from '../../../domain/device-health.js';
import { defined, fromJson, fromJsonOrNull, toJson, toJsonOrNull } from '../codec.js';
import { powerColumns, toPower } from './power-columns.js';
import type { DeviceRow } from '../schema-devices.js';

type AssignmentColumns = Pick<
  DeviceRow,
  | 'image'
  | 'image_name'
  | 'root_mode'
  | 'root_disk'
  | 'kernel_parameters'
  | 'assignment_generation'
  | 'assigned_at'
  | 'lease_until'
>;

const assignmentColumns = (assignment: Assignment | null): AssignmentColumns => ({
  image: assignment?.image ?? null,
  image_name: assignment?.imageName ?? null,
  root_mode: assignment?.rootMode ?? null,
  root_disk: assignment?.disk ?? null,
  kernel_parameters: assignment?.kernelParameters ?? null,
  assignment_generation: assignment?.generation ?? null,
  assigned_at: assignment?.assignedAt ?? null,
  lease_until: assignment?.leaseUntil ?? null,
});

const toAssignment = (row: DeviceRow): Assignment | null =>
  row.image === null ||
  row.image_name === null ||
  row.root_mode === null ||
  row.kernel_parameters === null ||
  row.assignment_generation === null ||
  row.assigned_at === null
    ? null
    : {
        image: row.image,
        imageName: row.image_name,
        rootMode: row.root_mode,
        disk: row.root_disk,
        kernelParameters: row.kernel_parameters,
        generation: row.assignment_generation,
        assignedAt: row.assigned_at,
        leaseUntil: row.lease_until,
      };

type BeatColumns = Pick<
  DeviceRow,
  'beat_session' | 'beat_at' | 'beat_due_at' | 'beat_silent_at' | 'beat_health' | 'beat_said'
>;

export const beatColumns = ({ session, at, dueAt, silentAt, health, ...said }: HeardBeat): BeatColumns => ({
  beat_session: session,
  beat_at: at,
  beat_due_at: dueAt,
  beat_silent_at: silentAt,
  beat_health: health,
  beat_said: toJson(said),
});

const noBeat: BeatColumns = {
  beat_session: null,
  beat_at: null,
  beat_due_at: null,
  beat_silent_at: null,
  beat_health: null,
  beat_said: null,
};

const toBeat = (columns: BeatColumns): HeardBeat | null => {
  const { beat_session: session, beat_at: at, beat_due_at: dueAt, beat_health: health, beat_said: said } = columns;
  if (session === null || at === null || dueAt === null || health === null || said === null) return null;
  const rest = fromJson<Omit<HeardBeat, 'session' | 'at' | 'dueAt' | 'silentAt' | 'health'>>(said);
  return { ...rest, session, at, dueAt, silentAt: columns.beat_silent_at, health };
};

export const toDevice = (
  row: DeviceRow,
  identities: readonly Identity[],
  labels: Record<string, string>,
): DeviceRecord => ({
  id: row.id,
  tenant: row.tenant,
  site: row.site,
  name: row.name,
  state: row.state,
  stateReason: row.state_reason,
  model: row.model,
  modelName: row.model_name,
  firmware: row.firmware,
  mac: row.mac,
  serial: row.serial,
  bootPrefix: row.boot_prefix,
  memoryMiB: row.memory_mib,
  identities: [...identities],
  labels,
  assignment: toAssignment(row),
  lastAddress: row.last_address,
  lastSeenAt: row.last_seen_at,
  lastSession: row.last_session,
  upGeneration: row.up_generation,
  beat: toBeat(row),
  power: toPower(row),
  console: fromJsonOrNull(row.console),
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  revision: row.revision,
  generation: row.generation,
});

export const toDeviceRow = (device: DeviceRecord): DeviceRow => ({
  id: device.id,
  tenant: device.tenant,
  site: device.site,
  name: device.name,
  state: device.state,
  state_reason: device.stateReason,
  model: device.model,
  model_name: device.modelName,
  firmware: device.firmware,
  mac: device.mac,
  serial: device.serial,
  boot_prefix: device.bootPrefix,
  memory_mib: device.memoryMiB,
  ...assignmentColumns(device.assignment),
  last_address: device.lastAddress,
  last_seen_at: device.lastSeenAt,
  last_session: device.lastSession,
  up_generation: device.upGeneration,
  ...(device.beat === null ? noBeat : beatColumns(device.beat)),
  ...powerColumns(device.power),
  console: toJsonOrNull(device.console),
  created_at: device.createdAt,
  updated_at: device.updatedAt,
  revision: device.revision,
  generation: device.generation,
});

/** The columns that a change names; labels have a table of their own. */
export const toDeviceColumns = (change: DeviceChange): Partial<DeviceRow> => ({
  ...defined({
    tenant: change.tenant,
    site: change.site,
    name: change.name,
    state: change.state,
    state_reason: change.stateReason,
    model: change.model,
    model_name: change.modelName,
    firmware: change.firmware,
    mac: change.mac,
    serial: change.serial,
    boot_prefix: change.bootPrefix,
    memory_mib: change.memoryMiB,
    last_address: change.lastAddress,
    last_seen_at: change.lastSeenAt,
    last_session: change.lastSession,
    up_generation: change.upGeneration,
    updated_at: change.updatedAt,
    generation: change.generation,
  }),
  ...(change.assignment === undefined ? {} : assignmentColumns(change.assignment)),
  ...(change.power === undefined ? {} : powerColumns(change.power)),
  ...(change.console === undefined ? {} : { console: toJsonOrNull(change.console) }),
});

/** For `last_seen_at`: what comes late does not turn it back. Moments are of one form, so that their texts are in their order. */
export const laterSeen = (at: string) => sql<string>`case when last_seen_at > ${at} then last_seen_at else ${at} end`;
