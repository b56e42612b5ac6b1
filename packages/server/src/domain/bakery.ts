import type { Device, Disk, DeviceState } from '@drover/contract';

/** What clients of Bakery call things, and the other way round. Facts: the API of PiFoundry's bakery, `/api/v1`. */

/** 1: not in use, in the fridge. 2: in use, in the oven. 3: preparing, in the oven. */
export type PiStatus = 1 | 2 | 3;

export interface BakeryDisk {
  readonly id: string;
  readonly location: string;
  /** MiB, rounded up. */
  readonly size: number;
  readonly nfsAddress: string;
}

export interface Bakeform {
  readonly name: string;
  readonly location: string;
}

export interface Pi {
  /** 8 hex digits: the boot prefix. */
  readonly id: string;
  readonly status: PiStatus;
  /** The root is the first. */
  readonly disks?: readonly BakeryDisk[];
  readonly sourceBakeform?: Bakeform;
}

const statuses: Readonly<Record<Exclude<DeviceState, 'discovered'>, PiStatus>> = {
  available: 1,
  'in-use': 2,
  preparing: 3,
  // Neither free nor of use to anybody.
  releasing: 3,
  failed: 3,
};

export const statusOf = ({ state }: Pick<Device, 'state'>): PiStatus | undefined =>
  state === 'discovered' ? undefined : statuses[state];

const mebi = 2 ** 20;

/** A directory has an address to mount it from. Other disks are block devices on the network: nothing is mounted. */
export const bakeryDisk = ({ id, name, size, nfs }: Pick<Disk, 'id' | 'name' | 'size' | 'nfs'>): BakeryDisk => ({
  ...{ id, location: `drover/${name}`, size: Math.ceil(size / mebi), nfsAddress: nfs ?? '' },
});

/** Disks of a board that was given back are kept for a while, and are none to that API. */
export const isShown = ({ role, deleteAt }: Pick<Disk, 'role' | 'deleteAt'>): boolean =>
  role === 'data' && deleteAt === null;

/** Where boards of Bakery look for disks that they have; the first is the one for whatever may be lost. */
export const disksFile = { path: 'piConfig/disks.json', mode: 0o600 } as const;

export const disksText = (disks: readonly Pick<Disk, 'id' | 'name' | 'size' | 'nfs'>[]): string =>
  `${JSON.stringify(disks.map(bakeryDisk))}\n`;

/** Images that came as bakeforms are versions of this one, so that their names may be what Bakery's were. */
export const bakeformImage = 'bakeform';

/** How a client of Bakery calls an image. */
export const bakeformOf = (imageName: string): Bakeform => {
  const [name = '', version = ''] = imageName.split(':');
  const shown = name === bakeformImage ? version : imageName;
  return { name: shown, location: `images/${shown}` };
};

/** The image that a client means: one that came as a bakeform, or any other as `name:version`. */
export const imageOfBakeform = (name: string): string => (name.includes(':') ? name : `${bakeformImage}:${name}`);

/** A board as Bakery shows it; undefined for one that has no prefix, or that nobody adopted. */
export function piOf(device: Device, disks: readonly Disk[]): Pi | undefined {
  const status = statusOf(device);
  if (device.bootPrefix === null || status === undefined) return undefined;
  const { assignment } = device;
  const root = disks.filter(({ id }) => id === assignment?.disk);
  const data = disks.filter(
    ({ id, attachments }) => id !== assignment?.disk && attachments.some((each) => each.device === device.id),
  );
  const all = [...root, ...data].map(bakeryDisk);
  return {
    ...{ id: device.bootPrefix, status },
    ...(all.length === 0 ? {} : { disks: all }),
    ...(assignment === null ? {} : { sourceBakeform: bakeformOf(assignment.imageName) }),
  };
}
