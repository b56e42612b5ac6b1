import type * as z from 'zod';
import { CpiFailure } from './failure.js';

/** What a schema makes of a value; refuses with CpiError, naming each field: `create_vm: arguments.2.root_mode ...`. */
export const parse = <T extends z.ZodType>(schema: T, value: unknown, where: string): z.infer<T> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${[where, ...path].join('.')}: ${message}`);
  throw new CpiFailure('CpiError', wrong.join('; '));
};
