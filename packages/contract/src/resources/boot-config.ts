import * as z from 'zod';
import { BootLayerId, DeviceId, ImageRef, KeyId, LabelSelector, Sha256, TenantId, Timestamp } from '../primitives.js';

/** Bytes of a document as JSON in UTF-8. */
export const maxBootDocumentBytes = 256 * 1024;
/** Objects and lists within each other. */
export const maxBootDocumentDepth = 32;

/** Base64 (RFC 4648, section 4); white space, as base64(1) puts it, is no mistake. */
export const isBase64 = (text: string): boolean => {
  const compact = text.replace(/\s+/g, '');
  return compact.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(compact);
};

const Base64 = z
  .string()
  .max(maxBootDocumentBytes)
  .refine(isBase64, 'is not base64: encode the file with `base64 -w 0`');

/** An image file that a card fetches, checked by md5 where the card is old. */
const CardImageFile = z.strictObject({
  url: z
    .string()
    .max(2048)
    .regex(/^(https?:\/\/[^\s"<>\\]+)?$/, 'is not an address like http://server/rootfs.sqsh'),
  md5sum: z
    .string()
    .regex(/^([0-9a-fA-F]{32})?$/, 'is not an md5 in 32 hex digits')
    .default(''),
  sha256: Sha256.optional(),
});
export type CardImageFile = z.infer<typeof CardImageFile>;

/** Keys of `config` that cards know hold these; all others are free. */
const base64Keys = ['sdlayout', 'wpa_supplicant'] as const;

/** `__proto__` is a name that programs trip over, and no card has a use for. */
const hasOddName = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (Object.hasOwn(value, '__proto__') || Object.values(value).some(hasOddName));

const FreeConfig = z.record(z.string(), z.unknown()).superRefine((config, context) => {
  for (const key of base64Keys) {
    const value = config[key];
    if (value === undefined || value === null || (typeof value === 'string' && isBase64(value))) continue;
    context.addIssue({ code: 'custom', path: [key], message: 'is not base64: encode the file with `base64 -w 0`' });
  }
});

/**
 * What one layer says of a boot config, in CattlePi's words; `image` names an image of Drover instead of files. What is left out or empty is not said here, null
 * removes what layers below say.
 */
const Document = z.strictObject({
  image: ImageRef.or(z.literal('')).nullable().optional(),
  initfs: CardImageFile.nullable().optional(),
  rootfs: CardImageFile.nullable().optional(),
  bootcode: Base64.nullable().optional(),
  usercode: Base64.nullable().optional(),
  config: FreeConfig.nullable().optional(),
});
export type BootDocument = z.infer<typeof Document>;

const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;

/** Level by level, so that no document makes us run out of stack. */
const isShallow = (value: unknown): boolean => {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxBootDocumentDepth) return false;
    level = level.flatMap((each): unknown[] => (typeof each === 'object' && each !== null ? Object.values(each) : []));
  }
  return true;
};

export const BootDocument = Document.refine(isShallow, {
  error: `has more than ${maxBootDocumentDepth} levels`,
  abort: true,
})
  .refine((value) => !hasOddName(value), 'has a member called __proto__')
  .refine((value) => bytesOf(value) <= maxBootDocumentBytes, `is larger than ${maxBootDocumentBytes} bytes`);

export const bootLayerKinds = ['default', 'group', 'device', 'card'] as const;
/** default: of the tenant. group: of devices with some labels. device: of one. card: of one CattlePi id, in the scope of a key. */
export const BootLayerKind = z.enum(bootLayerKinds);
export type BootLayerKind = z.infer<typeof BootLayerKind>;

/** Groups of lower priority come first, so that those of higher priority have the last word. */
export const GroupPriority = z.number().int().min(0).max(1000);

/** An id that a card of CattlePi uses, unique for one key: a MAC, or any word. */
export const CardId = z
  .string()
  .regex(/^[A-Za-z0-9:._-]{1,128}$/, 'is not an id of letters, digits, colon, dot, hyphen, underscore (128 at most)');

/** `default`, `device:sign-17`, `group:rack=a,role=sign`, `card:<key id>:<id of the card>`, or the id of a layer. */
export const BootLayerRef = z
  .string()
  .min(1)
  .max(1100)
  .regex(
    /^(default|(device|group):.+|card:key_[0-9A-Z]{26}:[A-Za-z0-9:._-]{1,128}|cfg_[0-9A-Z]{26})$/,
    'is not a layer like default, device:NAME, group:k=v or card:KEY:ID',
  );

const versionFields = {
  /** Counts the changes of this layer, from 1 on. */
  version: z.number().int().min(1),
  /** null: the layer says nothing since then. */
  document: Document.nullable(),
  /** Whether what layers below say counts. Not so for what came through CattlePi's API: it comes back as it was posted. */
  inherits: z.boolean(),
  /** Of a group. */
  priority: GroupPriority.nullable(),
};

/** One layer, as it is now. */
export const BootLayer = z.object({
  id: BootLayerId,
  /** As it is named in addresses. */
  ref: z.string(),
  tenant: TenantId,
  kind: BootLayerKind,
  device: DeviceId.nullable(),
  selector: LabelSelector.nullable(),
  /** Of a card: the key in whose scope its id is. */
  key: KeyId.nullable(),
  card: CardId.nullable(),
  ...versionFields,
  createdAt: Timestamp,
  updatedAt: Timestamp,
  /** For If-Match. */
  etag: z.string(),
});
export type BootLayer = z.infer<typeof BootLayer>;

export const BootLayerVersion = z.object({
  ...versionFields,
  at: Timestamp,
  /** The key that made it. */
  author: KeyId,
  reason: z.string(),
});
export type BootLayerVersion = z.infer<typeof BootLayerVersion>;

/** Why something was changed, in a line. */
export const Reason = z
  .string()
  .max(500)
  .regex(/^\P{Cc}*$/u, 'holds control characters');

export const BootLayerPut = z.strictObject({
  document: BootDocument,
  /** Left out: as it was, and true for a new layer. */
  inherits: z.boolean().optional(),
  /** Of a group; left out: as it was, and 100 for a new one. */
  priority: GroupPriority.optional(),
  reason: Reason.default(''),
  /** The version it must be at, as If-Match; 0: the layer must not be there. */
  version: z.number().int().min(0).optional(),
});
export type BootLayerPut = z.infer<typeof BootLayerPut>;

export const BootLayerRevert = z.strictObject({
  to: z.number().int().min(1),
  reason: Reason.default(''),
  version: z.number().int().min(1).optional(),
});
export type BootLayerRevert = z.infer<typeof BootLayerRevert>;

/** One difference: `+` came, `-` went, `~` changed. Values are JSON. */
export const BootConfigChange = z.object({
  change: z.enum(['+', '-', '~']),
  path: z.string(),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
});
export type BootConfigChange = z.infer<typeof BootConfigChange>;

export const BootConfigDiff = z.object({
  from: z.number().int().min(0),
  to: z.number().int().min(0),
  changes: z.array(BootConfigChange),
});
export type BootConfigDiff = z.infer<typeof BootConfigDiff>;

/** What a device, or a card, gets: all layers that concern it laid over each other, and where each value is from. */
export const EffectiveBootConfig = z.object({
  /** Refs of the layers that count, the lowest first. */
  layers: z.array(z.object({ ref: z.string(), version: z.number().int() })),
  document: Document,
  values: z.array(z.object({ path: z.string(), value: z.unknown(), layer: z.string() })),
});
export type EffectiveBootConfig = z.infer<typeof EffectiveBootConfig>;
