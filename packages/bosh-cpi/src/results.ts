import * as z from 'zod';
import { Bag, Cid, networks } from './schemas.js';

// What a director gets, method by method. A call of the CPI does not read this: it is what its answers are held against.

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
  create_vm: z.tuple([Cid, networks()]),
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
