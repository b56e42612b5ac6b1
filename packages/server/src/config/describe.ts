import { z } from 'zod';
import { SettingsSchema } from './schema.js';

/** One key of the settings file that holds a value. */
export interface SettingKey {
  /** `http.listen` */
  readonly path: string;
  /** `DROVER_HTTP_LISTEN` */
  readonly env: string;
  readonly description: string;
  /** In words: `whole number, 0 to 65535`. */
  readonly type: string;
  /** How an environment variable's text becomes a value. */
  readonly shape: 'text' | 'number' | 'boolean' | 'list' | 'yaml';
  /** Undefined: unset. */
  readonly fallback: unknown;
  /** Never shown in full. */
  readonly secret: boolean;
}

/** The value schema under defaults, prefaults and optionals; texts and meta may be on any layer. */
const inner = (schema: z.core.$ZodType): z.core.$ZodType => {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return inner(schema.unwrap());
  }
  return schema;
};

const metaOf = (schema: z.core.$ZodType): Record<string, unknown> => {
  const own = schema instanceof z.ZodType ? (schema.meta() ?? {}) : {};
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return { ...metaOf(schema.unwrap()), ...own };
  }
  return own;
};

const fallbackOf = (schema: z.core.$ZodType): unknown => {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return schema.def.defaultValue;
  return schema instanceof z.ZodOptional ? fallbackOf(schema.unwrap()) : undefined;
};

const numberText = (schema: z.ZodNumber): string =>
  `whole number, ${schema.minValue ?? 'any'} to ${schema.maxValue ?? 'any'}`;

const typeText = (schema: z.core.$ZodType): string => {
  const { kind } = metaOf(schema);
  if (typeof kind === 'string') return kind;
  const bare = inner(schema);
  if (bare instanceof z.ZodNumber) return numberText(bare);
  if (bare instanceof z.ZodBoolean) return 'true or false';
  if (bare instanceof z.ZodEnum) return bare.options.map(String).join(', ');
  if (bare instanceof z.ZodLiteral) return [...bare.values].map(String).join(', ');
  if (bare instanceof z.ZodArray) return `list of ${typeText(bare.element)}`;
  if (bare instanceof z.ZodObject) return `{ ${Object.keys(bare.shape).join(', ')} }`;
  if (bare instanceof z.ZodUnion) return bare.options.map(typeText).join(' or ');
  return bare instanceof z.ZodIPv4 ? 'IPv4 address' : bare instanceof z.ZodURL ? 'URL' : 'text';
};

const shapeOf = (schema: z.core.$ZodType): SettingKey['shape'] => {
  const bare = inner(schema);
  if (bare instanceof z.ZodNumber) return 'number';
  if (bare instanceof z.ZodBoolean) return 'boolean';
  if (bare instanceof z.ZodArray) return inner(bare.element) instanceof z.ZodObject ? 'yaml' : 'list';
  if (bare instanceof z.ZodUnion && bare.options.some((option) => option instanceof z.ZodArray)) return 'list';
  return 'text';
};

/** `boot.dhcp.pool.leaseSeconds` as `DROVER_BOOT_DHCP_POOL_LEASE_SECONDS`. */
export const environmentName = (path: string): string =>
  `DROVER_${path.replace(/[A-Z]/g, (letter) => `_${letter}`).replaceAll('.', '_')}`.toUpperCase();

const walk = (schema: z.core.$ZodType, path: string): SettingKey[] => {
  const bare = inner(schema);
  if (bare instanceof z.ZodObject) {
    return Object.entries(bare.shape as Record<string, z.core.$ZodType>).flatMap(([key, child]) =>
      walk(child, path === '' ? key : `${path}.${key}`),
    );
  }
  const meta = metaOf(schema);
  return [
    {
      path,
      env: environmentName(path),
      description: typeof meta['description'] === 'string' ? meta['description'] : '',
      type: typeText(schema),
      shape: shapeOf(schema),
      fallback: fallbackOf(schema),
      secret: meta['secret'] === true,
    },
  ];
};

/** Every key of the settings file, in the order of the schema. */
export const settingKeys: readonly SettingKey[] = walk(SettingsSchema, '');

/** Keys that may stand directly below `path` (`''`: at the top). */
export const keysBelow = (path: string): string[] => {
  const prefix = path === '' ? '' : `${path}.`;
  const below = settingKeys.filter((key) => key.path.startsWith(prefix)).map((key) => key.path.slice(prefix.length));
  return [...new Set(below.map((rest) => rest.split('.')[0] ?? rest))];
};
