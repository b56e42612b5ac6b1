import * as z from 'zod';
import { BuildId, JobId, Name, Sha256, TenantId, Timestamp, UploadId } from '../primitives.js';
import { Problem } from '../errors.js';
import { JobState } from './job.js';

/** A folder or file within a tar: no part of it begins with a dot, so none leads out. */
export const PathInTar = z
  .string()
  .max(255)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/,
    'is not a path of letters, digits, dots and hyphens below the top of the tar, as signs/door',
  );

/** Which recipe is built. */
export const RecipeSource = z.discriminatedUnion('kind', [
  /** One that comes with Drover. */
  z.object({ kind: z.literal('shipped'), name: Name }),
  /** A folder of the server, below the setting `builds.recipes`. */
  z.object({ kind: z.literal('folder'), name: Name }),
  /** In a tar of recipe folders: the folder, or the file, of the one that is built. */
  z.object({ kind: z.literal('upload'), upload: UploadId, path: PathInTar }),
]);
export type RecipeSource = z.infer<typeof RecipeSource>;

export const buildTriggers = ['api', 'schedule'] as const;
export const BuildTrigger = z.enum(buildTriggers);
export type BuildTrigger = z.infer<typeof BuildTrigger>;

/** Files that a build leaves besides the image, in the order people look for them. */
export const buildFileNames = [
  'image.json',
  'packages.lock.json',
  'sbom.spdx.json',
  'info.sh',
  'initfs.tgz',
  'rootfs.sqsh',
] as const;
export const BuildFileName = z.enum(buildFileNames);
export type BuildFileName = z.infer<typeof BuildFileName>;

export const BuildFile = z.object({ name: BuildFileName, sha256: Sha256, size: z.number().int() });
export type BuildFile = z.infer<typeof BuildFile>;

/** An image made from a recipe by the server, or the attempt at it. */
export const Build = z.object({
  id: BuildId,
  /** null: of the installation, as scheduled builds are; every tenant sees it and its image. */
  tenant: TenantId.nullable(),
  /** Name of the recipe, and so of the image. */
  recipe: Name,
  source: RecipeSource,
  trigger: BuildTrigger,
  /** The one of the settings that asked for it. */
  schedule: Name.nullable(),
  /** As small as it gets, however long that takes. */
  release: z.boolean(),
  /** In the index below `/images/global`. */
  publish: z.boolean(),
  /** Never thrown away by itself. */
  pinned: z.boolean(),
  state: JobState,
  /** `name:version`, once it is in the image store. */
  image: z.string().nullable(),
  /** The very same image was there before. */
  unchanged: z.boolean(),
  /** sha256 of `image.json`. */
  manifest: Sha256.nullable(),
  files: z.array(BuildFile),
  /** Bytes of the log so far. */
  logBytes: z.number().int(),
  job: JobId.nullable(),
  error: Problem.nullable(),
  createdAt: Timestamp,
  startedAt: Timestamp.nullable(),
  endedAt: Timestamp.nullable(),
});
export type Build = z.infer<typeof Build>;

export const BuildCreate = z.object({
  recipe: RecipeSource,
  release: z.boolean().default(false),
  publish: z.boolean().default(false),
  /** `packages.lock.json` of an earlier build, whose packages are taken again. */
  lock: UploadId.optional(),
});
export type BuildCreate = z.infer<typeof BuildCreate>;

/** What is left out stays as it is. */
export const BuildUpdate = z.object({ pinned: z.boolean().optional(), publish: z.boolean().optional() });
export type BuildUpdate = z.infer<typeof BuildUpdate>;
