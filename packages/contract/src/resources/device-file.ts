import * as z from 'zod';
import { Sha256, Timestamp } from '../primitives.js';

/** Bytes of one file, and of all files of one device together: they travel with what makes the board itself at each boot. */
export const deviceFileLimits = { bytes: 512 * 1024, allBytes: 2 * 1024 * 1024, files: 64 } as const;

const reserved = /^\/(proc|sys|dev|run|drover|lib\/drover)(\/|$)/;

/** Where it lies in the board's system. */
export const DeviceFilePath = z
  .string()
  .max(200)
  .regex(/^(\/[^/\p{Cc}]{1,100})+$/u, 'is not an absolute path to a file')
  .refine((path) => !path.split('/').some((part) => part === '.' || part === '..'), 'has . or .. in it')
  .refine((path) => !reserved.test(path), 'lies where a running system keeps nothing: choose another folder');

const Id = z.number().int().min(0).max(65_535);

/** A file that a device gets at each boot, laid over its image. */
export const DeviceFile = z.object({
  path: DeviceFilePath,
  /** In octal. */
  mode: z.string().regex(/^[0-7]{3,4}$/, 'is not a mode like 0644'),
  uid: Id,
  gid: Id,
  size: z.number().int(),
  sha256: Sha256,
  updatedAt: Timestamp,
});
export type DeviceFile = z.infer<typeof DeviceFile>;

export const DeviceFilePut = z.object({
  path: DeviceFilePath,
  mode: DeviceFile.shape.mode.default('0644'),
  uid: Id.default(0),
  gid: Id.default(0),
  content: z.base64('is not base64').max(Math.ceil(deviceFileLimits.bytes / 3) * 4, 'is more than 512 KiB'),
});
export type DeviceFilePut = z.infer<typeof DeviceFilePut>;

export const DeviceFileQuery = z.object({ path: DeviceFilePath });
/** With its bytes in base64. */
export const DeviceFileContent = DeviceFile.extend({ content: z.string() });
export type DeviceFileContent = z.infer<typeof DeviceFileContent>;
