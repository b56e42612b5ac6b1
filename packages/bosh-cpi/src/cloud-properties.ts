import * as z from 'zod';
import { LabelKey, LabelValue, MemoryMiB, Model, Name, RootMode } from '@drover/contract';

const MiB = z.number().int('is not a whole number of MiB').min(1);

/** Of a VM: which board, and how it runs. What is not known here (`instance_type`) is somebody else's. */
export const VmProperties = z.looseObject({
  /** Left out: `nbd`, a disk of its own that outlasts restarts. */
  root_mode: RootMode.default('nbd'),
  /** MiB of the disk of root mode `nbd`; left out: as large as the image. */
  root_disk: MiB.optional(),
  /** MiB of a disk of its own for `/var/vcap/data`; left out or 0: none. */
  ephemeral_disk: z.number().int().min(0).optional(),
  /** All must fit. */
  labels: z.record(LabelKey, LabelValue).optional(),
  model: Model.optional(),
  /** At least so many MiB. */
  memory: MemoryMiB.optional(),
  /** One board by id, name, serial, MAC or boot prefix. */
  device: z.string().min(1).max(128).optional(),
  /** Key of a label: boards are taken where the fewest are in use, by its value. */
  spread: LabelKey.optional(),
  kernel_parameters: z.string().max(1000).optional(),
});
export type VmProperties = z.infer<typeof VmProperties>;

/** Of a network: boards stand at one place. */
export const NetworkProperties = z.looseObject({ site: Name.optional() });

/** Of a stemcell. `image` makes it a light one. */
export const StemcellProperties = z.looseObject({
  /** `name:version` or id of an image that the server has. */
  image: z.string().min(1).max(255).optional(),
  name: z.string().min(1).max(255).default('stemcell'),
  version: z.union([z.string().min(1).max(100), z.number().transform(String)]).default('0'),
});
export type StemcellProperties = z.infer<typeof StemcellProperties>;
