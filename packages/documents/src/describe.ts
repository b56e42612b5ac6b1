import * as z from 'zod';

/** One key of a kind of document that holds a value. */
export interface DocumentKey {
  /** `http.listen`; `files[].path` where each element of a list is a map. */
  readonly path: string;
  readonly description: string;
  /** In words: `whole number, 0 to 65535`. */
  readonly type: string;
  /** Undefined: unset. */
  readonly fallback: unknown;
  readonly schema: z.core.$ZodType;
}

/** The value schema under defaults, prefaults and optionals; texts and meta may be on any layer. */
export const bareSchema = (schema: z.core.$ZodType): z.core.$ZodType => {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return bareSchema(schema.unwrap());
  }
  return schema;
};

/** What stands at `path` in a document of this schema: elements of lists, values of maps, keys; undefined where the schema has nothing. */
export const schemaAt = (schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined => {
  const [step, ...rest] = path;
  if (step === undefined) return schema;
  const bare = bareSchema(schema);
  const below = (next: z.core.$ZodType | undefined) => (next === undefined ? undefined : schemaAt(next, rest));
  if (bare instanceof z.ZodArray) return below(bare.element);
  if (bare instanceof z.ZodRecord) return below(bare.valueType);
  if (bare instanceof z.ZodObject) return below((bare.shape as Record<PropertyKey, z.core.$ZodType>)[step]);
  if (!(bare instanceof z.ZodUnion)) return undefined;
  const [found, ...others] = bare.options.flatMap((option) => schemaAt(option, path) ?? []);
  return found === undefined || others.length === 0 ? found : z.union([found, ...others]);
};

export const metaOf = (schema: z.core.$ZodType): Record<string, unknown> => {
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

/** A schema in words. `meta({ kind })` says it for those that no rule here fits. */
export const typeText = (schema: z.core.$ZodType): string => {
  const { kind } = metaOf(schema);
  if (typeof kind === 'string') return kind;
  const bare = bareSchema(schema);
  if (bare instanceof z.ZodNumber) return numberText(bare);
  if (bare instanceof z.ZodBoolean) return 'true or false';
  if (bare instanceof z.ZodEnum) return bare.options.map(String).join(', ');
  if (bare instanceof z.ZodLiteral) return [...bare.values].map(String).join(', ');
  if (bare instanceof z.ZodArray) return `list of ${typeText(bare.element)}`;
  if (bare instanceof z.ZodObject) return `{ ${Object.keys(bare.shape).join(', ')} }`;
  if (bare instanceof z.ZodUnion) return [...new Set(bare.options.map(typeText))].join(' or ');
  return bare instanceof z.ZodIPv4 ? 'IPv4 address' : bare instanceof z.ZodURL ? 'URL' : 'text';
};

interface DescribeOptions {
  /** Whether maps in lists have keys of their own here. */
  readonly lists?: boolean;
}

/** Every key of a document, in the order of its schema. */
export const describeKeys = (schema: z.core.$ZodType, options: DescribeOptions = {}, path = ''): DocumentKey[] => {
  const bare = bareSchema(schema);
  if (bare instanceof z.ZodObject) {
    return Object.entries(bare.shape as Record<string, z.core.$ZodType>).flatMap(([key, child]) =>
      describeKeys(child, options, path === '' ? key : `${path}.${key}`),
    );
  }
  if (options.lists === true && bare instanceof z.ZodArray && bareSchema(bare.element) instanceof z.ZodObject) {
    return describeKeys(bare.element, options, `${path}[]`);
  }
  const { description } = metaOf(schema);
  return [
    {
      ...{ path, schema, type: typeText(schema), fallback: fallbackOf(schema) },
      description: typeof description === 'string' ? description : '',
    },
  ];
};

/** Keys that may stand directly below `path` (`''`: at the top). */
export const keysBelow = (keys: readonly DocumentKey[], path: string): string[] => {
  const prefix = path === '' ? '' : `${path}.`;
  const below = keys.filter((key) => key.path.startsWith(prefix)).map((key) => key.path.slice(prefix.length));
  return [...new Set(below.map((rest) => (rest.split('.')[0] ?? rest).replace('[]', '')))];
};
