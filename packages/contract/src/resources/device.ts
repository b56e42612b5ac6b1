import * as z from 'zod';
import {
  BootPrefix,
  DeviceId,
  DiskId,
  ImageId,
  LabelKey,
  Labels,
  Mac,
  MemoryMiB,
  Model,
  Name,
  RequestId,
  RootMode,
  Serial,
  SessionId,
  Sha256,
  TenantId,
  Timestamp,
} from '../primitives.js';
import { DeviceConsole } from './console.js';
import { DiskSize } from './disk.js';
import { FirstBootPut } from './first-boot.js';
import { DevicePower, PowerSupply } from './power.js';

/** discovered: seen on the wire, not trusted, gets nothing bootable. The others belong to a tenant. */
export const deviceStates = ['discovered', 'available', 'preparing', 'in-use', 'releasing', 'failed'] as const;
export const DeviceState = z.enum(deviceStates);
export type DeviceState = z.infer<typeof DeviceState>;

/** `boot-prefix`: 8 hex digits asked for over TFTP; `mac`; `serial`: 16 hex, known once the board itself told it; `asset-tag`: free text;
 * `cattlepi-id`: what a card of CattlePi calls itself, in the scope of a key. */
export const identityKinds = ['boot-prefix', 'mac', 'serial', 'asset-tag', 'cattlepi-id'] as const;
export const IdentityKind = z.enum(identityKinds);
export type IdentityKind = z.infer<typeof IdentityKind>;
export const Identity = z.object({ kind: IdentityKind, value: z.string().min(1).max(128) });
export type Identity = z.infer<typeof Identity>;

/** What speaks on the wire before an operating system: see the wire reference for rom, bc and ee. */
export const firmwareKinds = ['rom', 'bc', 'ee', 'edk2', 'ipxe', 'uboot', 'unknown'] as const;
export const FirmwareKind = z.enum(firmwareKinds);
export type FirmwareKind = z.infer<typeof FirmwareKind>;

export const Assignment = z.object({
  image: ImageId,
  imageName: z.string(),
  rootMode: RootMode,
  /** The disk it runs from, with root mode `nbd`. */
  disk: DiskId.nullable(),
  /** Extra kernel parameters, one string, appended to the image's own. */
  kernelParameters: z.string().max(1000),
  /** Counts every change of the assignment; a boot session says which one it booted. */
  generation: z.number().int().min(1),
  assignedAt: Timestamp,
  /** When the device is released by itself; null: when somebody does. */
  leaseUntil: Timestamp.nullable(),
});
export type Assignment = z.infer<typeof Assignment>;

/** What a board can say of itself, and what the server makes of it. `silent`: three heartbeats did not come; `unknown`: nothing was ever told, or the device is not to
 * run from a card that tells. */
export const beatHealths = ['ok', 'failing'] as const;
export type BeatHealth = (typeof beatHealths)[number];
export const healthStatuses = ['healthy', 'failing', 'silent', 'unknown'] as const;
export const HealthStatus = z.enum(healthStatuses);
export type HealthStatus = z.infer<typeof HealthStatus>;

/** The last heartbeat. */
export const DeviceHealth = z.object({
  status: HealthStatus,
  /** Names of the checks that failed. */
  checks: z.array(z.string()),
  reportedAt: Timestamp.nullable(),
  uptimeSeconds: z.number().int().nullable(),
  /** `name:version` that runs, and the sha256 of its root. */
  image: z.string().nullable(),
  root: Sha256.nullable(),
  /** True: the board started from its card, without the server. */
  offline: z.boolean().nullable(),
  /** True: the assigned image did not come up, and the board went back to the one before. */
  fellBack: z.boolean(),
});
export type DeviceHealth = z.infer<typeof DeviceHealth>;

export const Device = z.object({
  id: DeviceId,
  tenant: TenantId.nullable(),
  site: Name,
  name: Name,
  state: DeviceState,
  /** Why the device is in `failed`, or what it is waiting for in `preparing`. */
  stateReason: z.string().nullable(),
  model: Model,
  modelName: z.string().nullable(),
  firmware: FirmwareKind,
  mac: Mac.nullable(),
  serial: Serial.nullable(),
  bootPrefix: BootPrefix.nullable(),
  /** As the board told it, or whoever registered it. */
  memoryMiB: MemoryMiB.nullable(),
  identities: z.array(Identity),
  labels: Labels,
  assignment: Assignment.nullable(),
  lastAddress: z.string().nullable(),
  lastSeenAt: Timestamp.nullable(),
  lastSession: SessionId.nullable(),
  /** Generation that last reported "up", to compare with the assignment's. */
  upGeneration: z.number().int().nullable(),
  health: DeviceHealth,
  /** null: nothing but hands can switch it. */
  power: DevicePower.nullable(),
  /** Where its serial console is; null: nobody said. */
  console: DeviceConsole.nullable(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  /** For If-Match. */
  etag: z.string(),
});
export type Device = z.infer<typeof Device>;

export const DeviceQuery = z.object({
  state: DeviceState.optional(),
  model: Model.optional(),
  site: Name.optional(),
  image: z.string().optional(),
  health: HealthStatus.optional(),
  selector: z.string().max(1000).optional(),
});

/** Registers a board before it was seen, or a machine that is no Pi (EDK2, iPXE, U-Boot). */
export const DeviceCreate = z.object({
  name: Name.optional(),
  mac: Mac.optional(),
  serial: Serial.optional(),
  bootPrefix: BootPrefix.optional(),
  model: Model.default('other'),
  memoryMiB: MemoryMiB.optional(),
  site: Name.default('default'),
  labels: Labels.default({}),
});
export type DeviceCreate = z.infer<typeof DeviceCreate>;

export const DevicePatch = z.object({
  name: Name.optional(),
  labels: Labels.optional(),
  /** Admins only; null takes it away. */
  power: PowerSupply.nullable().optional(),
  /** Admins only; null takes it away. */
  console: DeviceConsole.nullable().optional(),
});
export type DevicePatch = z.infer<typeof DevicePatch>;

export const DeviceAdopt = z.object({ name: Name.optional(), labels: Labels.optional() });
export type DeviceAdopt = z.infer<typeof DeviceAdopt>;

const ProvisionTarget = {
  image: z.string().max(255),
  rootMode: RootMode.default('ram'),
  kernelParameters: z
    .string()
    .max(1000)
    .regex(/^[\x20-\x7e]*$/, 'holds characters that are not printable ASCII')
    .default(''),
  /** Bytes of the disk that root mode `nbd` makes; left out: as large as the image. Its root grows into what is more. */
  diskSize: DiskSize.optional(),
  /** In place of what the device has of these. */
  firstBoot: FirstBootPut.optional(),
};

const sizeNeedsDisk = {
  isMet: ({ rootMode, diskSize }: { rootMode?: RootMode | undefined; diskSize?: number | undefined }): boolean =>
    diskSize === undefined || rootMode === undefined || rootMode === 'nbd',
  otherwise: { path: ['diskSize'], message: 'is for root mode nbd, which alone has a disk' },
};

/** The command line that a card starts its kernel with is the image's, the same for every board. */
const parametersNeedServer = {
  isMet: ({ rootMode, kernelParameters }: { rootMode?: RootMode | undefined; kernelParameters: string }): boolean =>
    rootMode !== 'sd' || kernelParameters === '',
  otherwise: {
    path: ['kernelParameters'],
    message:
      'are not possible with root mode sd, as a card keeps the command line of its image: change cmdline.txt there',
  },
};

/** How long an assignment lasts: a minute to a year. */
const TtlSeconds = z.number().int().min(60).max(31_536_000);

const provisionShape = {
  ...ProvisionTarget,
  device: z.string().max(128).optional(),
  selector: z.string().max(1000).optional(),
  any: z.boolean().optional(),
  model: Model.optional(),
  site: Name.optional(),
  /** At least so much. Boards that never told are left out. */
  memoryMiB: MemoryMiB.optional(),
  /** Key of a label: of what fits, one is taken where the fewest have an assignment with that value. */
  spread: LabelKey.optional(),
  /** The device is released by itself after so long, unless its lease is made longer. */
  ttlSeconds: TtlSeconds.optional(),
};

interface Chosen {
  readonly device?: string | undefined;
  readonly selector?: string | undefined;
  readonly any?: boolean | undefined;
  readonly model?: Model | undefined;
  readonly site?: string | undefined;
  readonly memoryMiB?: number | undefined;
  readonly spread?: string | undefined;
}

const namesOne = {
  isMet: ({ device, selector, any }: Chosen): boolean =>
    [device !== undefined, selector !== undefined, any === true].filter(Boolean).length === 1,
  otherwise: { message: 'name exactly one of device, selector, any' },
};

const choosesAmongMany = {
  isMet: ({ device, model, site, memoryMiB, spread }: Chosen): boolean =>
    device === undefined || [model, site, memoryMiB, spread].every((each) => each === undefined),
  otherwise: { path: ['device'], message: 'is chosen already: leave out model, site, memoryMiB and spread' },
};

/** Exactly one of device, selector, any. */
export const Provision = z
  .object(provisionShape)
  .refine(namesOne.isMet, namesOne.otherwise)
  .refine(choosesAmongMany.isMet, choosesAmongMany.otherwise)
  .refine(sizeNeedsDisk.isMet, sizeNeedsDisk.otherwise)
  .refine(parametersNeedServer.isMet, parametersNeedServer.otherwise);
export type Provision = z.infer<typeof Provision>;

/** The same, for whoever waits for a device to come free. */
export const ProvisionRequestCreate = z
  .object({ ...provisionShape, waitSeconds: z.number().int().min(1).max(604_800).default(600) })
  .refine(namesOne.isMet, namesOne.otherwise)
  .refine(choosesAmongMany.isMet, choosesAmongMany.otherwise)
  .refine(sizeNeedsDisk.isMet, sizeNeedsDisk.otherwise)
  .refine(parametersNeedServer.isMet, parametersNeedServer.otherwise);
export type ProvisionRequestCreate = z.infer<typeof ProvisionRequestCreate>;

/** `refused`: what was asked for became impossible while it waited. */
export const provisionRequestStates = ['waiting', 'granted', 'timed-out', 'cancelled', 'refused'] as const;
export const ProvisionRequestState = z.enum(provisionRequestStates);
export type ProvisionRequestState = z.infer<typeof ProvisionRequestState>;

/** A place in the queue for a device. Those of a tenant are served in the order they came, each as soon as something fits it. */
export const ProvisionRequest = z.object({
  id: RequestId,
  tenant: TenantId,
  state: ProvisionRequestState,
  /** 1 is next; null when it no longer waits. */
  position: z.number().int().min(1).nullable(),
  /** Why it was refused, or what it waits for. */
  reason: z.string().nullable(),
  image: z.string(),
  /** What device: `device sign-3`, `rack=a, model pi4`. */
  wish: z.string(),
  device: DeviceId.nullable(),
  createdAt: Timestamp,
  /** When it stops to wait. */
  waitsUntil: Timestamp,
  endedAt: Timestamp.nullable(),
});
export type ProvisionRequest = z.infer<typeof ProvisionRequest>;

/** `disk` is what becomes of the disk that root mode `nbd` made: `keep` leaves it as a disk of the tenant. `force`: also when the board cannot be switched off, or the hook
 * of the release refuses. */
export const ReleaseQuery = z.object({
  disk: z.enum(['wipe', 'keep']).default('wipe'),
  force: z.enum(['true', 'false']).default('false'),
});

/** null: no end. */
export const LeaseChange = z.object({ ttlSeconds: TtlSeconds.nullable() });
export type LeaseChange = z.infer<typeof LeaseChange>;

/** What a device runs, with the root mode that is meant. */
export const AssignmentTarget = z
  .object(ProvisionTarget)
  .refine(sizeNeedsDisk.isMet, sizeNeedsDisk.otherwise)
  .refine(parametersNeedServer.isMet, parametersNeedServer.otherwise);
export type AssignmentTarget = z.infer<typeof AssignmentTarget>;

export const Reimage = z
  .object({
    ...ProvisionTarget,
    /** Left out: the one that the device has. */
    rootMode: RootMode.optional(),
  })
  .refine(sizeNeedsDisk.isMet, sizeNeedsDisk.otherwise)
  .refine(parametersNeedServer.isMet, parametersNeedServer.otherwise);
export type Reimage = z.infer<typeof Reimage>;
