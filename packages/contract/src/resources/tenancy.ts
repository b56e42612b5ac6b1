import { z } from 'zod';
import { KeyId, Name, Role, TenantId, Timestamp } from '../primitives.js';

export const Tenant = z.object({ id: TenantId, name: Name, createdAt: Timestamp });
export type Tenant = z.infer<typeof Tenant>;
export const TenantCreate = z.object({ name: Name });

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
