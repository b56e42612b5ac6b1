import type { Json } from './schema.js';

/** JSON columns. `undefined` inside objects disappears, as everywhere in JSON. */
export const toJson = (value: unknown): Json => JSON.stringify(value ?? null);
export const toJsonOrNull = (value: unknown): Json | null => (value == null ? null : JSON.stringify(value));

/** What was written by {@link toJson}. The tables hold only what this program wrote, so the caller names the type. */
export const fromJson = <T>(text: Json): T => JSON.parse(text) as T;
export const fromJsonOrNull = <T>(text: Json | null): T | null => (text === null ? null : (JSON.parse(text) as T));

export const toBit = (value: boolean): number => (value ? 1 : 0);
export const fromBit = (value: number): boolean => value !== 0;

/** Leaves out the columns that a partial change does not name. */
export const defined = <T extends object>(columns: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
