import * as z from 'zod';
import { ImageVersion, Model, Name, Sha256 } from '@drover/contract';
import { LockedPackage } from '@drover/debian';
import { architectures, compressions } from '../recipe/schema.js';

const Built = z.strictObject({
  /** In bytes. */
  size: z.number().int(),
  sha256: Sha256,
  /** Of what cards of CattlePi fetch, which know no other digest. */
  md5: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
});

/** A package in an image. Of those that a base image came with, the .deb is not known. */
const BuiltPackage = LockedPackage.partial({ size: true, sha256: true });
export type BuiltPackage = z.infer<typeof BuiltPackage>;

/** `image.json`: what a build made, and all of what. The same inputs give the same bytes. */
export const ImageManifest = z.strictObject({
  format: z.literal(1),
  name: Name,
  version: ImageVersion,
  description: z.string().nullable(),
  architecture: z.enum(architectures),
  /** Boards it can start, and was built for. */
  models: z.array(Model),
  recipe: z.strictObject({
    /** Of the whole chain, and of all files that it names. */
    digest: Sha256,
    chain: z.array(z.strictObject({ name: Name, digest: Sha256 })),
  }),
  /** What the image begins with, where that is one: its sha256. */
  base: Sha256.nullable(),
  /** Seconds: the latest time of any file in it. */
  sourceDateEpoch: z.number().int(),
  /** Releases of its kernels, as `uname -r` says them. */
  kernels: z.array(z.string()),
  compression: z.enum(compressions),
  files: z.record(z.string(), Built),
  packages: z.array(BuiltPackage),
});
export type ImageManifest = z.infer<typeof ImageManifest>;
export type BuiltFile = z.infer<typeof Built>;

/** The text of `image.json`. */
export const manifestText = (manifest: ImageManifest): string => `${JSON.stringify(manifest, null, 2)}\n`;
