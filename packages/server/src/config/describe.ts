import * as z from 'zod';
import { bareSchema, describeKeys, metaOf, type DocumentKey } from '@drover/documents';
import { SettingsSchema } from './schema.js';

/** One key of the settings file that holds a value. */
export interface SettingKey extends DocumentKey {
  /** `DROVER_HTTP_LISTEN` */
  readonly env: string;
  /** How an environment variable's text becomes a value. */
  readonly shape: 'text' | 'number' | 'boolean' | 'list' | 'yaml';
  /** Never shown in full. */
  readonly secret: boolean;
}

const shapeOf = (schema: z.core.$ZodType): SettingKey['shape'] => {
  const bare = bareSchema(schema);
  if (bare instanceof z.ZodNumber) return 'number';
  if (bare instanceof z.ZodBoolean) return 'boolean';
  if (bare instanceof z.ZodRecord) return 'yaml';
  if (bare instanceof z.ZodArray) return bareSchema(bare.element) instanceof z.ZodObject ? 'yaml' : 'list';
  if (bare instanceof z.ZodUnion && bare.options.some((option) => option instanceof z.ZodArray)) return 'list';
  return 'text';
};

/** `boot.dhcp.pool.leaseSeconds` as `DROVER_BOOT_DHCP_POOL_LEASE_SECONDS`. */
export const environmentName = (path: string): string =>
  `DROVER_${path.replace(/[A-Z]/g, (letter) => `_${letter}`).replaceAll('.', '_')}`.toUpperCase();

/** Every key of the settings file, in the order of the schema. */
export const settingKeys: readonly SettingKey[] = describeKeys(SettingsSchema).map((key) => ({
  ...key,
  env: environmentName(key.path),
  shape: shapeOf(key.schema),
  secret: metaOf(key.schema)['secret'] === true,
}));
