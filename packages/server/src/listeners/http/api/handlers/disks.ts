import { success } from '@drover/contract';
import type { Attachments } from '../../../../app/disks/attachments.js';
import type { Disks } from '../../../../app/disks/disks.js';
import type { Handlers } from '../handlers.js';

export interface DiskUseCases {
  readonly disks: Disks;
  readonly attachments: Attachments;
}

type Operations =
  | 'listDisks'
  | 'createDisk'
  | 'getDisk'
  | 'updateDisk'
  | 'deleteDisk'
  | 'attachDisk'
  | 'detachDisk'
  | 'checkDisk'
  | 'flattenDisk'
  | 'listSnapshots'
  | 'createSnapshot'
  | 'deleteSnapshot';

export const diskHandlers = ({ disks, attachments }: DiskUseCases): Pick<Handlers, Operations> => ({
  listDisks: async ({ principal }, { query }) => success(await disks.list(principal, query)),
  createDisk: ({ principal, also }, { body }) => disks.create(principal, body, also),
  getDisk: ({ principal }, { params }) => disks.get(principal, params.ref),
  updateDisk: ({ principal, ifMatch, also }, { params, body }) =>
    disks.update(principal, params.ref, body, ifMatch, also),
  deleteDisk: ({ principal, ifMatch, also }, { params, query }) =>
    disks.remove(principal, params.ref, query.snapshots, ifMatch, also),
  attachDisk: ({ principal, also }, { params, body }) => attachments.attach(principal, params.ref, body, also),
  detachDisk: ({ principal, also }, { params, body }) => attachments.detach(principal, params.ref, body, also),
  checkDisk: ({ principal, also }, { params }) => disks.check(principal, params.ref, also),
  flattenDisk: ({ principal, also }, { params }) => disks.flatten(principal, params.ref, also),
  listSnapshots: async ({ principal }, { params }) => {
    const found = await disks.snapshots(principal, params.ref);
    return found.ok ? success({ items: found.value }) : found;
  },
  createSnapshot: ({ principal, also }, { params, body }) => disks.takeSnapshot(principal, params.ref, body, also),
  deleteSnapshot: ({ principal, also }, { params }) =>
    disks.forgetSnapshot(principal, params.ref, params.snapshot, also),
});
