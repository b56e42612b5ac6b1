import type { ApiKey, AuditEntry, AuditFilter, Page, Role, Tenant, TenantQuota } from '@drover/contract';

/** sha256 for what has 256 bits of chance in it, or needs none: API keys and fingerprints of requests. Not for passwords. */
export interface Hashing {
  /** 64 hex digits over the UTF-8 of `text`. */
  sha256(text: string): string;
  /** Compares in a time that does not depend on where two texts differ. */
  equal(a: string, b: string): boolean;
}

export interface TenantRepository {
  insert(tenant: Tenant): Promise<void>;
  get(id: string): Promise<Tenant | undefined>;
  /** Locks the row for the transaction: nobody else counts what it has meanwhile. */
  getForUpdate(id: string): Promise<Tenant | undefined>;
  setQuota(id: string, quota: TenantQuota): Promise<void>;
  findByName(name: string): Promise<Tenant | undefined>;
  /** Newest first. */
  list(page: { limit: number; cursor?: string }): Promise<Page<Tenant>>;
}

/** `hash`: sha256 of the key in hex. Keys are random 256-bit values, so a plain hash is enough; passwords are another matter. */
export interface KeyRecord extends ApiKey {
  hash: string;
}
export interface KeyRepository {
  insert(key: KeyRecord): Promise<void>;
  get(id: string): Promise<KeyRecord | undefined>;
  findByHash(hash: string): Promise<KeyRecord | undefined>;
  /** Keys of one tenant, or every key when `tenant` is undefined. */
  list(filter: { tenant?: string | null }, page: { limit: number; cursor?: string }): Promise<Page<KeyRecord>>;
  /** A key that is revoked already keeps its moment. */
  revoke(id: string, at: string): Promise<void>;
  touch(id: string, at: string): Promise<void>;
  /** Keys of that role without a tenant that are neither revoked nor expired. */
  countActive(role: Role, now: string): Promise<number>;
}

/** Somebody logged in to the dashboard with a key. `hash`: sha256 in hex of the token that the browser holds. */
export interface WebSessionRecord {
  readonly hash: string;
  readonly key: string;
  readonly createdAt: string;
  readonly expiresAt: string;
}
export interface WebSessionRepository {
  insert(session: WebSessionRecord): Promise<void>;
  find(hash: string): Promise<WebSessionRecord | undefined>;
  delete(hash: string): Promise<void>;
  /** Keeps the newest `keep` sessions of a key; returns how many were forgotten. */
  trim(key: string, keep: number): Promise<number>;
  /** Forgets sessions that ended before `now`; returns how many. */
  prune(now: string): Promise<number>;
}

export interface AuditRepository {
  append(entry: Omit<AuditEntry, 'seq'>): Promise<void>;
  /** Newest first. */
  list(
    filter: AuditFilter & { tenant?: string | null },
    page: { limit: number; cursor?: string },
  ): Promise<Page<AuditEntry>>;
  /** Forgets rows older than `before`; returns how many. */
  prune(before: string): Promise<number>;
}

/** What an idempotency key answered. `fingerprint`: sha256 over method, path and body. `answer` null: the first request is at work. */
export interface IdempotencyRecord {
  scope: string;
  key: string;
  fingerprint: string;
  status: number | null;
  answer: string | null;
  createdAt: string;
  /** The request at work: `<server>#<random>`. */
  owner: string;
}
export interface IdempotencyRepository {
  /** Inserts the record, or returns the one that is there. */
  begin(record: IdempotencyRecord): Promise<IdempotencyRecord | undefined>;
  /** False when the record is no longer of that owner: another request took its place. */
  complete(held: Pick<IdempotencyRecord, 'scope' | 'key' | 'owner'>, status: number, answer: string): Promise<boolean>;
  /** Forgets the record, if it still is of that owner. */
  forget(held: Pick<IdempotencyRecord, 'scope' | 'key' | 'owner'>): Promise<void>;
  /** Forgets every record without an answer whose owner begins with `prefix`; returns how many. */
  forgetUnanswered(prefix: string): Promise<number>;
  prune(before: string): Promise<number>;
}
