import * as z from 'zod';
import { ImageRef, ImageVersion, models, Sha256 } from '@drover/contract';
import {
  AuthorizedKey,
  ConfigLine,
  ImagePath,
  Locale,
  Mode,
  PackageName,
  PartitionSize,
  PasswordHash,
  RecipePath,
  TimeZone,
  UnitName,
  UserName,
} from './values.js';

export const architectures = ['arm64', 'armhf'] as const;
export type Architecture = (typeof architectures)[number];

/** What mksquashfs can make, strongest last; `auto` is what suits the image's kernel and the use. */
export const compressions = ['auto', 'none', 'lz4', 'lzo', 'gzip', 'zstd', 'xz'] as const;
export type Compression = (typeof compressions)[number];

const word = (kind: string) => z.string().min(1, 'is empty').max(4096).meta({ kind });

const base = z.strictObject({
  suite: z
    .string()
    .regex(/^[a-z][a-z0-9-]*$/, 'is not a suite')
    .meta({ kind: 'suite, as bookworm' })
    .optional()
    .describe('A suite of Debian, put together from its packages.'),
  mirror: z
    .url({ protocol: /^(https?|file|copy)$/, error: 'is not an http://, https:// or file:// address' })
    .optional()
    .describe('Where the packages of the suite come from. Unset: from where this machine has its own.'),
  components: z
    .array(z.string().regex(/^[a-z][a-z-]*$/, 'is not a component'))
    .min(1)
    .default(['main', 'contrib', 'non-free-firmware'])
    .describe('Components of the suite.'),
  image: ImageRef.meta({ kind: 'image, as name:version' })
    .optional()
    .describe('An image of the server, whose boot and root partitions are taken as they are.'),
  url: z
    .url({ protocol: /^https?$/, error: 'is not an http:// or https:// address' })
    .optional()
    .describe('An image somewhere else, compressed or not. Needs sha256.'),
  sha256: Sha256.meta({ kind: 'sha256 in 64 hex digits' }).optional().describe('Of the file at url, as it comes.'),
});

const source = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]*$/, 'is not a name of lower-case letters, digits, dots and hyphens')
    .describe('Of its file in /etc/apt/sources.list.d.'),
  uri: z.url({ protocol: /^https?$/, error: 'is not an http:// or https:// address' }).describe('Where it is.'),
  suite: word('suite').describe('Suite, or a path that ends with /.'),
  components: z.array(word('component')).default([]).describe('None where suite is a path.'),
  key: RecipePath.describe('File with the key that its releases are signed with.'),
});

const file = z.strictObject({
  path: ImagePath.describe('Where it goes. Folders above it are made.'),
  content: z.string().optional().describe('Its text.'),
  source: RecipePath.optional().describe('A file or folder beside the recipe that is copied.'),
  link: word('target of a link').optional().describe('Makes a symbolic link to this.'),
  mode: Mode.optional().describe("Unset: '0644', '0755' for folders and programs."),
  owner: UserName.default('root').describe('A user of the image.'),
  group: UserName.optional().describe('A group of the image. Unset: the owner’s.'),
});

const user = z.strictObject({
  name: UserName.describe('Made when it is not there, changed when it is.'),
  uid: z.number().int().min(1000).max(59_999).optional().describe('Unset: the first free one.'),
  groups: z.array(UserName).default([]).describe('Groups besides its own. Made when they are not there.'),
  shell: ImagePath.default('/bin/bash').describe('Its shell.'),
  home: ImagePath.optional().describe('Unset: /home and the name.'),
  password: PasswordHash.default('*').describe('Hash for logging in with a password.'),
  authorizedKeys: z.array(AuthorizedKey).default([]).describe('Keys for logging in over SSH.'),
  sudo: z.boolean().default(false).describe('Whether it may become root without a password.'),
});

const services = z
  .strictObject({
    enable: z.array(UnitName).default([]).describe('Units that start with the system.'),
    disable: z.array(UnitName).default([]).describe('Units that do not.'),
    mask: z.array(UnitName).default([]).describe('Units that nothing can start.'),
  })
  .prefault({});

const script = z.strictObject({
  name: z.string().min(1, 'is empty').max(100).optional().describe('What is shown while it runs.'),
  run: z.string().min(1, 'is empty').optional().describe('Text of a shell script (sh -eu, or as its first line says).'),
  file: RecipePath.optional().describe('A script beside the recipe.'),
});

const ansible = z.strictObject({
  playbook: RecipePath.describe('A playbook beside the recipe; it runs through the chroot connection.'),
  variables: z.record(z.string(), z.json()).default({}).meta({ kind: 'map' }).describe('Extra variables.'),
});

const bootFile = z.strictObject({
  path: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/, 'is not a path in the boot partition')
    .meta({ kind: 'path in the boot partition, as overlays/my.dtbo' })
    .describe('Where it goes.'),
  source: RecipePath.describe('A file beside the recipe.'),
});

const boot = z
  .strictObject({
    config: z.array(ConfigLine).default([]).describe('Lines at the end of config.txt.'),
    parameters: z
      .string()
      .regex(/^[\x20-\x7e]*$/, 'holds a character that is not ASCII, or a line break')
      .default('')
      .describe('Kernel parameters at the end of cmdline.txt.'),
    files: z.array(bootFile).default([]).describe('Files of the boot partition.'),
  })
  .prefault({});

const sizes = z.strictObject({
  boot: PartitionSize.optional().describe('Of the boot partition. Unset: 512MiB.'),
  root: PartitionSize.optional().describe('Of the root partition. Unset: what its files take, and spare.'),
  spare: PartitionSize.optional().describe('Free bytes of a root partition whose size is unset. Unset: 256MiB.'),
});

/** A recipe as it stands in a file: all that makes an image. Relative paths are below the folder it is in. */
export const RecipeSchema = z.strictObject({
  description: z.string().max(500).optional().describe('One line for lists.'),
  version: ImageVersion.meta({ kind: 'version of letters, digits, dots, hyphens' })
    .optional()
    .describe('Of the image. Unset: the day of the newest of its packages and a part of its digest.'),
  extends: word('recipe, by its folder or file')
    .optional()
    .describe('The recipe this one goes on from: everything it says, then everything said here.'),
  base: base.optional().describe('What the first recipe of a chain begins with. Beside extends: another suite.'),
  architecture: z.enum(architectures).optional().describe('Of the root. Unset: arm64, or as the base image has it.'),
  models: z.array(z.enum(models)).min(1).optional().describe('Boards it is for. Unset: all its kernel can start.'),
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'is not a host name of lower-case letters, digits and hyphens')
    .optional()
    .describe('Until a board is given one of its own.'),
  timezone: TimeZone.optional().describe('Unset: as the base has it.'),
  locale: Locale.optional().describe('Unset: as the base has it.'),
  kernel: z
    .strictObject({
      package: PackageName.optional().describe('Unset: Debian’s for the architecture.'),
      firmware: PackageName.optional().describe('Package with the files the boards start from. Unset: raspi-firmware.'),
    })
    .optional()
    .describe('For a base from packages.'),
  sources: z.array(source).optional().describe('Further places packages come from.'),
  packages: z.array(PackageName).default([]).describe('Installed, with what they depend on.'),
  recommends: z.boolean().optional().describe('Whether recommended packages are installed too. Unset: no.'),
  removePackages: z.array(PackageName).default([]).describe('Purged, with their settings.'),
  files: z.array(file).default([]),
  users: z.array(user).default([]),
  services,
  scripts: z.array(script).default([]),
  ansible: ansible.optional(),
  boot,
  sizes: sizes.optional(),
  compression: z
    .enum(compressions)
    .optional()
    .describe('Of rootfs.sqsh. `--release` asks for the strongest that fits.'),
  lint: z
    .strictObject({
      allow: z.array(word('name of a check')).default([]).describe('Checks that do not fail the build.'),
    })
    .prefault({}),
});

export type RecipeDocument = z.infer<typeof RecipeSchema>;
export type RecipeFile = z.infer<typeof file>;
export type RecipeUser = z.infer<typeof user>;
export type RecipeScript = z.infer<typeof script>;
