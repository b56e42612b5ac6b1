import type { Log } from './log.js';
import { parse } from './parse.js';
import type { Request } from './request.js';
import { argumentsOf, type ArgumentsOf, type ServerMethod } from './schemas.js';
import { openSession, type Session, type SessionDeps } from './session.js';

type Method<M extends ServerMethod> = (session: Session, given: ArgumentsOf<M>) => Promise<unknown>;

const disks = () => import('./methods/disks.js');
const snapshots = () => import('./methods/snapshots.js');
const stemcells = () => import('./methods/stemcells.js');
const vms = () => import('./methods/vms.js');

/** A call reads no other method than its own. */
const methods: { readonly [M in ServerMethod]: () => Promise<Method<M>> } = {
  create_stemcell: async () => (await stemcells()).createStemcell,
  delete_stemcell: async () => (await stemcells()).deleteStemcell,
  create_vm: async () => (await import('./methods/create-vm.js')).createVm,
  delete_vm: async () => (await import('./methods/delete-vm.js')).deleteVm,
  has_vm: async () => (await vms()).hasVm,
  reboot_vm: async () => (await vms()).rebootVm,
  set_vm_metadata: async () => (await vms()).setVmMetadata,
  calculate_vm_cloud_properties: async () => (await vms()).calculateVmCloudProperties,
  create_disk: async () => (await disks()).createDisk,
  delete_disk: async () => (await disks()).deleteDisk,
  has_disk: async () => (await disks()).hasDisk,
  attach_disk: async () => (await disks()).attachDisk,
  detach_disk: async () => (await disks()).detachDisk,
  get_disks: async () => (await disks()).getDisks,
  resize_disk: async () => (await disks()).resizeDisk,
  update_disk: async () => (await disks()).updateDisk,
  set_disk_metadata: async () => (await disks()).setDiskMetadata,
  snapshot_disk: async () => (await snapshots()).snapshotDisk,
  delete_snapshot: async () => (await snapshots()).deleteSnapshot,
};

/** Carries out a method that asks the server. */
export const carryOut = async (
  method: ServerMethod,
  request: Request,
  log: Log,
  deps: SessionDeps,
): Promise<unknown> => {
  const given = parse(argumentsOf[method](), request.arguments, `${method}.arguments`);
  const run = (await methods[method]()) as (session: Session, given: unknown) => Promise<unknown>;
  return run(openSession(request, log, deps), given);
};
