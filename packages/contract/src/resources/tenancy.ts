import * as z from 'zod';
import { KeyId, Name, Role, TenantId, Timestamp } from '../primitives.js';

/** What a tenant may have at most; null: as much as there is. */
export const TenantQuota = z.object({
  /** Disks, system disks included. */
  disks: z.number().int().min(0).nullable(),
  /** Bytes of all its disks as boards see them, whether written to or not: what it was promised. */
  diskBytes: z.number().int().min(0).nullable(),
  /** Bytes of the files of all backups of its disks. */
  backupBytes: z.number().int().min(0).nullable(),
});
export type TenantQuota = z.infer<typeof TenantQuota>;

export const Tenant = z.object({ id: TenantId, name: Name, quota: TenantQuota, createdAt: Timestamp });
export type Tenant = z.infer<typeof Tenant>;
export const TenantCreate = z.object({ name: Name, quota: TenantQuota.partial().optional() });
export type TenantCreate = z.infer<typeof TenantCreate>;
/** What is left out stays as it is. */
export const TenantUpdate = z.object({ quota: TenantQuota.partial() });
export type TenantUpdate = z.infer<typeof TenantUpdate>;

/** `tenant: null` is a key of the whole installation. Only its first characters are ever shown again. */
export const ApiKey = z.object({
  id: KeyId,
  tenant: TenantId.nullable(),
  name: z.string(),
  role: Role,
  hint: z.string(),
  createdAt: Timestamp,
  expiresAt: Timestamp.nullable(),
  revokedAt: Timestamp.nullable(),
  lastUsedAt: Timestamp.nullable(),
});
export type ApiKey = z.infer<typeof ApiKey>;

export const ApiKeyCreate = z.object({
  name: z.string().min(1).max(100),
  role: Role,
  tenant: TenantId.nullable().optional(),
  expiresAt: Timestamp.optional(),
});
export type ApiKeyCreate = z.infer<typeof ApiKeyCreate>;

/** A key that cards and scripts hold already, taken as it is. Known only by its sha256 from then on. */
export const ImportedKey = z
  .string()
  .min(8, 'is shorter than 8 characters: give those who use it a new key')
  .max(128)
  .regex(/^[\x21-\x7e]*$/, 'holds white space, or characters that are not printable ASCII');
export const ApiKeyImport = ApiKeyCreate.extend({ key: ImportedKey });
export type ApiKeyImport = z.infer<typeof ApiKeyImport>;

/** The only answer that ever holds the key itself. */
export const ApiKeyCreated = ApiKey.extend({ key: z.string() });
export type ApiKeyCreated = z.infer<typeof ApiKeyCreated>;

/** Who asks: what every request of people and programs is judged by. */
export const Principal = z.object({ key: KeyId, name: z.string(), tenant: TenantId.nullable(), role: Role });
export type Principal = z.infer<typeof Principal>;

export const AuditEntry = z.object({
  seq: z.number().int(),
  at: Timestamp,
  key: KeyId.nullable(),
  keyName: z.string(),
  tenant: TenantId.nullable(),
  /** The operation, as in the OpenAPI document: `provisionDevice`. */
  operation: z.string(),
  subject: z.string().nullable(),
  outcome: z.string(),
  address: z.string(),
  requestId: z.string(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

/** Entries that are meant; what is left out is any. */
export const AuditFilter = z.object({
  /** Id of an API key, or the name it had. */
  key: z.string().min(1).max(100).optional(),
  operation: z.string().min(1).max(64).optional(),
  subject: z.string().min(1).max(200).optional(),
  /** From this moment on. */
  since: Timestamp.optional(),
  /** Before this moment. */
  until: Timestamp.optional(),
});
export type AuditFilter = z.infer<typeof AuditFilter>;
