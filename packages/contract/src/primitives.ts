import * as z from 'zod';

/** Crockford base32 ULID behind a prefix that says what it names: `dev_01J...`. Sortable by time of creation. */
const id = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[0-9A-HJKMNP-TV-Z]{26}$`), `is not an id of the form ${prefix}_...`)
    .meta({ examples: [`${prefix}_01JZ5M8K7Q2W3E4R5T6Y7V8B9N`] });

export const TenantId = id('ten');
export const KeyId = id('key');
export const DeviceId = id('dev');
export const ImageId = id('img');
export const AssignmentId = id('asg');
export const SessionId = id('bs');
export const JobId = id('job');
export const UploadId = id('upl');
export const DiskId = id('dsk');
export const SnapshotId = id('snp');
/** A copy of a disk's content that is kept apart from it. */
export const BackupId = id('bak');
export const BuildId = id('bld');
/** A layer of boot configs. */
export const BootLayerId = id('cfg');
/** A file of a disk: a qcow2 overlay. Never seen by clients. */
export const OverlayId = id('ovl');
export const RequestId = id('req');
export const idPrefixes = [
  'ten',
  'key',
  'dev',
  'img',
  'asg',
  'bs',
  'job',
  'upl',
  'dsk',
  'snp',
  'bak',
  'bld',
  'cfg',
  'ovl',
  'req',
] as const;
export type IdPrefix = (typeof idPrefixes)[number];

/** UTC, RFC 3339 with milliseconds. */
export const Timestamp = z.iso.datetime({ precision: 3 });
export const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'is not a sha256 in 64 lower-case hex digits');
/** Lower case, colons: `dc:a6:32:01:36:c2`. */
export const Mac = z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, 'is not a MAC like dc:a6:32:01:36:c2');
/** Low 32 bits of a board's serial: the folder it asks for over TFTP. */
export const BootPrefix = z.string().regex(/^[0-9a-f]{8}$/, 'is not a boot prefix of 8 lower-case hex digits');
export const Serial = z.string().regex(/^[0-9a-f]{16}$/, 'is not a serial of 16 lower-case hex digits');
/** A DNS label (RFC 1123): what a host, a tenant, a site or an image may be called. */
export const Name = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'is not a name of lower-case letters, digits and hyphens (63 at most)',
  );
export const ImageVersion = z
  .string()
  .regex(/^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,126}[a-zA-Z0-9])?$/, 'is not a version of letters, digits, dots, hyphens');
/** `name:version`; the version may be left out where the newest is meant. */
export const ImageRef = z
  .string()
  .max(255)
  .regex(/^([a-z0-9][a-z0-9-]*(:[a-zA-Z0-9._-]+)?|img_[0-9A-Z]{26})$/, 'is not an image like name:version');
export const LabelKey = z.string().regex(/^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/, 'is not a label key');
export const LabelValue = z
  .string()
  .regex(/^[A-Za-z0-9._-]{0,63}$/, 'is not a label value of letters, digits, dot, hyphen, underscore (63 at most)');
export const Labels = z
  .record(LabelKey, LabelValue)
  .refine((labels) => Object.keys(labels).length <= 64, 'has more than 64 labels');
/** `k=v,k2=v2`: all must match. */
export const LabelSelector = z
  .string()
  .max(1000)
  .regex(/^[^=,]+=[^=,]*(,[^=,]+=[^=,]*)*$/, 'is not a selector like rack=a,role=sign');

export const models = [
  'pi0',
  'pi0w',
  'pi02w',
  'pi1',
  'pi2',
  'pi3',
  'pi3+',
  'pi4',
  'pi400',
  'cm3',
  'cm4',
  'pi5',
  'pi500',
  'cm5',
  'virt',
  'other',
] as const;
export const Model = z.enum(models);
export type Model = z.infer<typeof Model>;

/** Megabytes of 2^20 bytes: 512 to 16384 on a Pi. */
export const MemoryMiB = z.number().int().min(1).max(1_048_576);

export const rootModes = ['ram', 'stream', 'nbd', 'nfs', 'sd'] as const;
export const RootMode = z.enum(rootModes);
export type RootMode = z.infer<typeof RootMode>;

export const roles = ['admin', 'operator', 'reader', 'device'] as const;
export const Role = z.enum(roles);
export type Role = z.infer<typeof Role>;

export const Limit = z.coerce.number().int().min(1).max(500).default(100);
/** Opaque; taken from `next` of the page before. */
export const Cursor = z.string().max(500);
export const PageQuery = z.object({ limit: Limit, cursor: Cursor.optional() });

export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: Cursor.nullable() });
export interface Page<T> {
  items: T[];
  next: string | null;
}

/** Where boards reach a server: in digits, as an initramfs resolves no names, and without TLS, which only self-updating cards have the tools for. */
export const BootUrl = z
  .string()
  .max(64)
  .regex(/^http:\/\/(\d{1,3}\.){3}\d{1,3}(:\d{1,5})?$/, 'is not an address like http://192.0.2.1:8081');
