import * as z from 'zod';

// What a director sends and what it gets, method by method: the contract of a CPI, versions 1 and 2. Cloud properties are in cloud-properties.ts.

const Cid = z.string().min(1).max(255);
/** Free-form objects: what is in them is somebody else's. */
const Bag = z.record(z.string(), z.unknown());
/** MiB. */
const Size = z.number().int('is not a whole number of MiB').min(1, 'is less than 1 MiB');

export const Network = z.looseObject({
  /** Left out: manual. */
  type: z.enum(['manual', 'dynamic', 'vip']).default('manual'),
  ip: z.string().optional(),
  netmask: z.string().optional(),
  gateway: z.string().nullish(),
  dns: z.array(z.string()).nullish(),
  /** For what this network is the default: `dns`, `gateway`. */
  default: z.array(z.string()).nullish(),
  cloud_properties: Bag.nullish(),
});
export type Network = z.infer<typeof Network>;
/** By the names that the director has for them. */
export const Networks = z.record(z.string(), Network);
export type Networks = z.infer<typeof Networks>;

export const VmResources = z.looseObject({
  cpu: z.number().int().min(1),
  /** MiB, as the disk is. */
  ram: z.number().int().min(1),
  ephemeral_disk_size: z.number().int().min(0),
});

/** More arguments than are known are let through: newer directors send some. */
const list = <T extends [z.ZodType, ...z.ZodType[]]>(...items: T) => z.tuple(items).rest(z.unknown());

/** Arguments of the methods that ask a server. */
export const argumentsOf = {
  create_stemcell: list(z.string().min(1).max(4096), Bag),
  delete_stemcell: list(Cid),
  create_vm: z
    .tuple([z.string().min(1).max(100), Cid, Bag, Networks, z.array(Cid).nullish(), Bag.nullish()])
    .rest(z.unknown()),
  delete_vm: list(Cid),
  has_vm: list(Cid),
  reboot_vm: list(Cid),
  set_vm_metadata: list(Cid, Bag),
  calculate_vm_cloud_properties: list(VmResources),
  create_disk: z.tuple([Size, Bag, Cid.nullish()]).rest(z.unknown()),
  delete_disk: list(Cid),
  has_disk: list(Cid),
  attach_disk: list(Cid, Cid),
  detach_disk: list(Cid, Cid),
  get_disks: list(Cid),
  resize_disk: list(Cid, Size),
  update_disk: z.tuple([Cid, Size, Bag.nullish()]).rest(z.unknown()),
  set_disk_metadata: list(Cid, Bag),
  snapshot_disk: z.tuple([Cid, Bag.nullish()]).rest(z.unknown()),
  delete_snapshot: list(Cid),
} as const satisfies Record<string, z.ZodType>;
export type ServerMethod = keyof typeof argumentsOf;
export type ArgumentsOf<M extends ServerMethod> = z.infer<(typeof argumentsOf)[M]>;

const nothing = z.null();
const DiskHint = z.union([
  z.string(),
  z.strictObject({ path: z.string() }),
  z.strictObject({ volume_id: z.string() }),
  z.strictObject({ lun: z.string(), host_device_id: z.string() }),
]);

/** Results of all methods, where an answer has no error. */
export const resultOf = {
  info: z.strictObject({ api_version: z.literal(2), stemcell_formats: z.array(z.string()).min(1) }),
  ping: z.literal('pong'),
  create_stemcell: Cid,
  delete_stemcell: nothing,
  create_vm: z.tuple([Cid, Networks]),
  delete_vm: nothing,
  has_vm: z.boolean(),
  reboot_vm: nothing,
  set_vm_metadata: nothing,
  calculate_vm_cloud_properties: Bag,
  create_disk: Cid,
  delete_disk: nothing,
  has_disk: z.boolean(),
  attach_disk: DiskHint,
  detach_disk: nothing,
  get_disks: z.array(Cid),
  resize_disk: nothing,
  update_disk: Cid.nullable(),
  snapshot_disk: Cid,
  delete_snapshot: nothing,
} as const satisfies Record<string, z.ZodType>;
/** Of version 1, where it differs. */
export const resultOfVersion1 = { create_vm: Cid, attach_disk: nothing } as const;
