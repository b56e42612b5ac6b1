import type { DeviceFiles } from '../../../../app/devices/files.js';
import type { Devices } from '../../../../app/devices/devices.js';
import type { FirstBoots } from '../../../../app/devices/first-boot.js';
import type { ProvisionRequests } from '../../../../app/devices/provision-requests.js';
import type { Provisioning } from '../../../../app/devices/provisioning.js';
import type { Power } from '../../../../app/power/power.js';
import type { Registration } from '../../../../app/devices/register.js';
import type { Handlers } from '../handlers.js';

export interface DeviceUseCases {
  readonly devices: Devices;
  readonly registration: Registration;
  readonly provisioning: Provisioning;
  readonly provisionRequests: ProvisionRequests;
  readonly power: Power;
  readonly deviceFiles: DeviceFiles;
  readonly firstBoots: FirstBoots;
}

type Operations =
  | 'listDevices'
  | 'createDevice'
  | 'getDevice'
  | 'updateDevice'
  | 'deleteDevice'
  | 'adoptDevice'
  | 'provision'
  | 'listProvisionRequests'
  | 'createProvisionRequest'
  | 'getProvisionRequest'
  | 'cancelProvisionRequest'
  | 'leaseDevice'
  | 'reimageDevice'
  | 'releaseDevice'
  | 'powerDevice'
  | 'listPowerDrivers'
  | 'listDeviceFiles'
  | 'putDeviceFile'
  | 'getDeviceFile'
  | 'deleteDeviceFile'
  | 'getFirstBoot'
  | 'putFirstBoot'
  | 'deleteFirstBoot';

export const deviceHandlers = ({
  devices,
  registration,
  provisioning,
  provisionRequests,
  power,
  deviceFiles,
  firstBoots,
}: DeviceUseCases): Pick<Handlers, Operations> => ({
  listDevices: ({ principal }, { query }) => devices.list(principal, query),
  createDevice: ({ principal, also }, { body }) => registration.create(principal, body, also),
  getDevice: ({ principal }, { params }) => devices.get(principal, params.ref),
  updateDevice: ({ principal, ifMatch }, { params, body }) => devices.update(principal, params.ref, body, ifMatch),
  deleteDevice: ({ principal, ifMatch }, { params }) => devices.remove(principal, params.ref, ifMatch),
  adoptDevice: ({ principal, also }, { params, body }) => registration.adopt(principal, params.ref, body, also),
  provision: ({ principal, also }, { body }) => provisioning.provision(principal, body, also),
  listProvisionRequests: ({ principal }, { query }) => provisionRequests.list(principal, query),
  createProvisionRequest: ({ principal, also }, { body }) => provisionRequests.create(principal, body, also),
  getProvisionRequest: ({ principal }, { params }) => provisionRequests.get(principal, params.id),
  cancelProvisionRequest: ({ principal }, { params }) => provisionRequests.cancel(principal, params.id),
  leaseDevice: ({ principal, ifMatch }, { params, body }) => provisioning.lease(principal, params.ref, body, ifMatch),
  reimageDevice: ({ principal, ifMatch, also }, { params, body }) =>
    provisioning.reimage(principal, params.ref, body, ifMatch, also),
  releaseDevice: ({ principal, ifMatch, also }, { params, query: { disk, force } }) =>
    provisioning.release(principal, params.ref, { disk, force: force === 'true' }, ifMatch, also),
  powerDevice: ({ principal, also }, { params, body }) => power.act(principal, params.ref, body.action, also),
  listDeviceFiles: ({ principal }, { params }) => deviceFiles.list(principal, params.ref),
  putDeviceFile: ({ principal }, { params, body }) => deviceFiles.put(principal, params.ref, body),
  getDeviceFile: ({ principal }, { params, query }) => deviceFiles.get(principal, params.ref, query.path),
  deleteDeviceFile: ({ principal }, { params, query }) => deviceFiles.remove(principal, params.ref, query.path),
  getFirstBoot: ({ principal }, { params }) => firstBoots.get(principal, params.ref),
  putFirstBoot: ({ principal }, { params, body }) => firstBoots.put(principal, params.ref, body),
  deleteFirstBoot: ({ principal }, { params }) => firstBoots.remove(principal, params.ref),
  listPowerDrivers: async ({ principal }) => power.drivers(principal),
});
