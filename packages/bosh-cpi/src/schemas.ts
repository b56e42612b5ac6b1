import * as z from 'zod';

// What a director sends, method by method: the contract of a CPI, versions 1 and 2. Cloud properties are in cloud-properties.ts, what it gets in results.ts.

export const Cid = z.string().min(1).max(255);
/** Free-form objects: what is in them is somebody else's. */
export const Bag = z.record(z.string(), z.unknown());
/** MiB. */
const Size = z.number().int('is not a whole number of MiB').min(1, 'is less than 1 MiB');

const network = () =>
  z.looseObject({
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
/** By the names that the director has for them. */
export const networks = () => z.record(z.string(), network());
export type Networks = z.infer<ReturnType<typeof networks>>;

const vmResources = () =>
  z.looseObject({
    cpu: z.number().int().min(1),
    /** MiB, as the disk is. */
    ram: z.number().int().min(1),
    ephemeral_disk_size: z.number().int().min(0),
  });

/** More arguments than are known are let through: newer directors send some. */
const list = <T extends [z.ZodType, ...z.ZodType[]]>(...items: T) => z.tuple(items).rest(z.unknown());

/** Arguments of the methods that ask a server. A process answers one call, and making a schema is a good part of its start: each is made when it is asked for. */
export const argumentsOf = {
  create_stemcell: () => list(z.string().min(1).max(4096), Bag),
  delete_stemcell: () => list(Cid),
  create_vm: () =>
    z
      .tuple([z.string().min(1).max(100), Cid, Bag, networks(), z.array(Cid).nullish(), Bag.nullish()])
      .rest(z.unknown()),
  delete_vm: () => list(Cid),
  has_vm: () => list(Cid),
  reboot_vm: () => list(Cid),
  set_vm_metadata: () => list(Cid, Bag),
  calculate_vm_cloud_properties: () => list(vmResources()),
  create_disk: () => z.tuple([Size, Bag, Cid.nullish()]).rest(z.unknown()),
  delete_disk: () => list(Cid),
  has_disk: () => list(Cid),
  attach_disk: () => list(Cid, Cid),
  detach_disk: () => list(Cid, Cid),
  get_disks: () => list(Cid),
  resize_disk: () => list(Cid, Size),
  update_disk: () => z.tuple([Cid, Size, Bag.nullish()]).rest(z.unknown()),
  set_disk_metadata: () => list(Cid, Bag),
  snapshot_disk: () => z.tuple([Cid, Bag.nullish()]).rest(z.unknown()),
  delete_snapshot: () => list(Cid),
} as const satisfies Record<string, () => z.ZodType>;
export type ServerMethod = keyof typeof argumentsOf;
export type ArgumentsOf<M extends ServerMethod> = z.infer<ReturnType<(typeof argumentsOf)[M]>>;
