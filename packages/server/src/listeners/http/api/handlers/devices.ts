import type { Devices } from '../../../../app/devices/devices.js';
import type { Provisioning } from '../../../../app/devices/provisioning.js';
import type { Registration } from '../../../../app/devices/register.js';
import type { Handlers } from '../handlers.js';

export interface DeviceUseCases {
  readonly devices: Devices;
  readonly registration: Registration;
  readonly provisioning: Provisioning;
}

type Operations =
  | 'listDevices'
  | 'createDevice'
  | 'getDevice'
  | 'updateDevice'
  | 'deleteDevice'
  | 'adoptDevice'
  | 'provision'
  | 'reimageDevice'
  | 'releaseDevice';

export const deviceHandlers = ({
  devices,
  registration,
  provisioning,
}: DeviceUseCases): Pick<Handlers, Operations> => ({
  listDevices: ({ principal }, { query }) => devices.list(principal, query),
  createDevice: ({ principal, also }, { body }) => registration.create(principal, body, also),
  getDevice: ({ principal }, { params }) => devices.get(principal, params.ref),
  updateDevice: ({ principal, ifMatch }, { params, body }) => devices.update(principal, params.ref, body, ifMatch),
  deleteDevice: ({ principal, ifMatch }, { params }) => devices.remove(principal, params.ref, ifMatch),
  adoptDevice: ({ principal, also }, { params, body }) => registration.adopt(principal, params.ref, body, also),
  provision: ({ principal, also }, { body }) => provisioning.provision(principal, body, also),
  reimageDevice: ({ principal, ifMatch, also }, { params, body }) =>
    provisioning.reimage(principal, params.ref, body, ifMatch, also),
  releaseDevice: ({ principal, ifMatch, also }, { params }) =>
    provisioning.release(principal, params.ref, ifMatch, also),
});
