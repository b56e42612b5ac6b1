import { FirstBoot, FirstBootPut } from '../resources/first-boot.js';
import { byRef, none, type Route } from './route.js';

export const firstBootRoutes = {
  getFirstBoot: {
    method: 'GET',
    path: '/devices/{ref}/first-boot',
    tag: 'first boot',
    summary: 'First-boot settings of a device',
    role: 'reader',
    params: byRef,
    status: 200,
    answer: FirstBoot,
  },
  putFirstBoot: {
    method: 'PUT',
    path: '/devices/{ref}/first-boot',
    tag: 'first boot',
    summary: 'Say host name, users, keys and time zone of a device, from its next boot on until it is released',
    role: 'operator',
    params: byRef,
    body: FirstBootPut,
    status: 200,
    answer: FirstBoot,
  },
  deleteFirstBoot: {
    method: 'DELETE',
    path: '/devices/{ref}/first-boot',
    tag: 'first boot',
    summary: 'Take first-boot settings away, from the next boot on',
    role: 'operator',
    params: byRef,
    status: 204,
    answer: none,
  },
} as const satisfies Record<string, Route>;
