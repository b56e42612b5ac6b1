import type { Log } from './log.js';
import { createVm } from './methods/create-vm.js';
import { deleteVm } from './methods/delete-vm.js';
import * as disks from './methods/disks.js';
import { deleteSnapshot, snapshotDisk } from './methods/snapshots.js';
import { createStemcell, deleteStemcell } from './methods/stemcells.js';
import * as vms from './methods/vms.js';
import { parse } from './parse.js';
import type { Request } from './request.js';
import { argumentsOf, type ArgumentsOf, type ServerMethod } from './schemas.js';
import { openSession, type Session, type SessionDeps } from './session.js';

type Methods = { readonly [M in ServerMethod]: (session: Session, given: ArgumentsOf<M>) => Promise<unknown> };

const methods: Methods = {
  create_stemcell: createStemcell,
  delete_stemcell: deleteStemcell,
  create_vm: createVm,
  delete_vm: deleteVm,
  has_vm: vms.hasVm,
  reboot_vm: vms.rebootVm,
  set_vm_metadata: vms.setVmMetadata,
  calculate_vm_cloud_properties: vms.calculateVmCloudProperties,
  create_disk: disks.createDisk,
  delete_disk: disks.deleteDisk,
  has_disk: disks.hasDisk,
  attach_disk: disks.attachDisk,
  detach_disk: disks.detachDisk,
  get_disks: disks.getDisks,
  resize_disk: disks.resizeDisk,
  update_disk: disks.updateDisk,
  set_disk_metadata: disks.setDiskMetadata,
  snapshot_disk: snapshotDisk,
  delete_snapshot: deleteSnapshot,
};

/** Carries out a method that asks the server. */
export const carryOut = async (
  method: ServerMethod,
  request: Request,
  log: Log,
  deps: SessionDeps,
): Promise<unknown> => {
  const given = parse(argumentsOf[method], request.arguments, `${method}.arguments`);
  const run = methods[method] as (session: Session, given: unknown) => Promise<unknown>;
  return run(openSession(request, log, deps), given);
};
