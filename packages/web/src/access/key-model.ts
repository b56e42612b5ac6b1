import type { ApiKey, Role } from '@drover/contract';

export const roleTexts: Readonly<Record<Role, string>> = {
  admin: 'admin: everything, keys and tenants included',
  operator: 'operator: boards, images, disks',
  reader: 'reader: looks only',
  device: 'device: for cards, boots only',
};

export type KeyState = 'works' | 'expired' | 'revoked';

export const keyLooks = {
  works: { tone: 'ok', form: 'full', label: 'Works' },
  expired: { tone: 'warn', form: 'triangle', label: 'Expired' },
  revoked: { tone: 'plain', form: 'cross', label: 'Revoked' },
} as const;

export const keyStateOf = (
  { revokedAt, expiresAt }: Pick<ApiKey, 'revokedAt' | 'expiresAt'>,
  now: number,
): KeyState => {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && Date.parse(expiresAt) <= now ? 'expired' : 'works';
};

const dayMs = 86_400_000;

/** How long a key works, in days. */
export const lifetimes = [
  { value: '', label: 'Until it is revoked' },
  { value: '1', label: 'For a day' },
  { value: '7', label: 'For a week' },
  { value: '30', label: 'For 30 days' },
  { value: '90', label: 'For 90 days' },
  { value: '365', label: 'For a year' },
] as const;

/** When a key of so many days expires; undefined: never. */
export const expiryOf = (days: string, now: number): string | undefined =>
  days === '' ? undefined : new Date(now + Number(days) * dayMs).toISOString();

const gigabyte = 1e9;

/** A limit as people write it: nothing means as much as there is; undefined: it is no limit. */
export const limitOf = (text: string, factor = 1): number | null | undefined => {
  if (text.trim() === '') return null;
  const value = Number(text.replace(',', '.'));
  return Number.isFinite(value) && value >= 0 ? Math.round(value * factor) : undefined;
};
export const bytesLimitOf = (text: string): number | null | undefined => limitOf(text, gigabyte);
export const limitText = (limit: number | null, factor = 1): string => (limit === null ? '' : String(limit / factor));
export const bytesLimitText = (limit: number | null): string => limitText(limit, gigabyte);
