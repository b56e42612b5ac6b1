import * as z from 'zod';
import { DeviceFile, DeviceFileContent, DeviceFilePut, DeviceFileQuery } from '../resources/device-file.js';
import { byRef, none, type Route } from './route.js';

export const deviceFilesRoutes = {
  listDeviceFiles: {
    method: 'GET',
    path: '/devices/{ref}/files',
    tag: 'device files',
    summary: 'Files that a device gets at each boot, by path',
    role: 'reader',
    params: byRef,
    status: 200,
    answer: z.object({ items: z.array(DeviceFile) }),
  },
  putDeviceFile: {
    method: 'PUT',
    path: '/devices/{ref}/files',
    tag: 'device files',
    summary: 'Give a device a file, from its next boot on until it is released',
    role: 'operator',
    params: byRef,
    body: DeviceFilePut,
    status: 200,
    answer: DeviceFile,
  },
  getDeviceFile: {
    method: 'GET',
    path: '/devices/{ref}/files/content',
    tag: 'device files',
    summary: 'One file with its bytes',
    role: 'operator',
    params: byRef,
    query: DeviceFileQuery,
    status: 200,
    answer: DeviceFileContent,
  },
  deleteDeviceFile: {
    method: 'DELETE',
    path: '/devices/{ref}/files',
    tag: 'device files',
    summary: 'Take a file away, from the next boot on',
    role: 'operator',
    params: byRef,
    query: DeviceFileQuery,
    status: 204,
    answer: none,
  },
} as const satisfies Record<string, Route>;
