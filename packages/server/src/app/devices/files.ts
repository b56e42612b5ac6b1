import { createHash } from 'node:crypto';
import {
  deviceFileLimits,
  refusal,
  success,
  type DeviceFile,
  type DeviceFileContent,
  type DeviceFilePut,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { refuseBelow } from '../../domain/tenancy.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { announce } from './change.js';
import { findDevice } from './find.js';
import type { DeviceRecord } from './ports.js';

export interface DeviceFileRecord extends DeviceFile {
  readonly content: Uint8Array;
}

export interface DeviceFileRepository {
  /** By path, without their bytes. */
  list(device: string): Promise<DeviceFile[]>;
  /** By path, with them. */
  all(device: string): Promise<DeviceFileRecord[]>;
  get(device: string, path: string): Promise<DeviceFileRecord | undefined>;
  put(device: string, file: DeviceFileRecord): Promise<void>;
  /** False when there was none. */
  delete(device: string, path: string): Promise<boolean>;
  clear(device: string): Promise<void>;
}

export interface DeviceFiles {
  readonly list: (who: Principal, ref: string) => Promise<Result<{ items: DeviceFile[] }>>;
  /** Operators only: a file may hold a secret. */
  readonly get: (who: Principal, ref: string, path: string) => Promise<Result<DeviceFileContent>>;
  /** In place of one at the same path. Only a device that somebody has takes files: they go with its release. */
  readonly put: (who: Principal, ref: string, file: DeviceFilePut) => Promise<Result<DeviceFile>>;
  readonly remove: (who: Principal, ref: string, path: string) => Promise<Result<null>>;
}

export const createDeviceFiles = ({ store, clock }: { readonly store: Store; readonly clock: Clock }): DeviceFiles => ({
  list: async (who, ref) =>
    refuseBelow(who, 'reader') ??
    store.read(async (tx) => {
      const device = await findDevice(tx, who, ref);
      return device.ok ? success({ items: await tx.deviceFiles.list(device.value.id) }) : device;
    }),
  get: async (who, ref, path) =>
    refuseBelow(who, 'operator') ??
    store.read(async (tx) => {
      const device = await findDevice(tx, who, ref);
      if (!device.ok) return device;
      const file = await tx.deviceFiles.get(device.value.id, path);
      if (file === undefined) return noFile(device.value, path);
      return success({ ...file, content: Buffer.from(file.content).toString('base64') });
    }),
  put: async (who, ref, wanted) =>
    refuseBelow(who, 'operator') ??
    store.transaction(async (tx) => {
      const device = await findDevice(tx, who, ref);
      if (!device.ok) return device;
      const at = new Date(clock.now()).toISOString();
      const file = recordOf(wanted, at);
      const refused = refuseFree(device.value) ?? (await refuseTooMuch(tx, device.value, file));
      if (refused !== undefined) return refused;
      await tx.deviceFiles.put(device.value.id, file);
      const { content: _content, ...shown } = file;
      const data = { file: file.path, size: file.size, sha256: file.sha256, by: who.key };
      await announce(tx, device.value, { type: 'device.file-changed', at, data });
      return success(shown);
    }),
  remove: async (who, ref, path) =>
    refuseBelow(who, 'operator') ??
    store.transaction(async (tx) => {
      const device = await findDevice(tx, who, ref);
      if (!device.ok) return device;
      if (!(await tx.deviceFiles.delete(device.value.id, path))) return noFile(device.value, path);
      const at = new Date(clock.now()).toISOString();
      const data = { file: path, size: null, by: who.key };
      await announce(tx, device.value, { type: 'device.file-changed', at, data });
      return success(null);
    }),
});

function recordOf({ content, ...rest }: DeviceFilePut, updatedAt: string): DeviceFileRecord {
  const bytes = Buffer.from(content, 'base64');
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { ...rest, mode: rest.mode.padStart(4, '0'), size: bytes.length, sha256, updatedAt, content: bytes };
}

const noFile = ({ name }: DeviceRecord, path: string): Refusal =>
  refusal('device-file.not-found', `${name} has no file ${path}.`, { remedy: `See \`drover device files ${name}\`.` });

/** What somebody leaves on a device that is free would be for whoever gets it next. */
const refuseFree = ({ name, state }: DeviceRecord): Refusal | undefined =>
  state === 'preparing' || state === 'in-use' || state === 'failed'
    ? undefined
    : refusal('device.state', `${name} is ${state}, and files are for what is in use.`, {
        remedy: `Give it an image first: drover provision IMAGE --device ${name}`,
      });

async function refuseTooMuch(
  tx: Transaction,
  { id, name }: DeviceRecord,
  { path, size }: DeviceFile,
): Promise<Refusal | undefined> {
  if (size > deviceFileLimits.bytes)
    return refusal(
      'quota.exceeded',
      `A file of a device has at most ${deviceFileLimits.bytes} bytes, and this ${size}.`,
      {
        errors: [{ field: 'content', message: 'is too large', remedy: 'Put it into the image, or on a disk.' }],
      },
    );
  const others = (await tx.deviceFiles.list(id)).filter((each) => each.path !== path);
  const bytes = others.reduce((sum, each) => sum + each.size, size);
  if (others.length < deviceFileLimits.files && bytes <= deviceFileLimits.allBytes) return undefined;
  return refusal('quota.exceeded', `${name} would have ${others.length + 1} files with ${bytes} bytes.`, {
    remedy: `At most ${deviceFileLimits.files} files and ${deviceFileLimits.allBytes} bytes: delete some, put them into the image, or on a disk.`,
  });
}
