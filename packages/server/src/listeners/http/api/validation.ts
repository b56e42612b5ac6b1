import { refusal, RefusedError, type FieldError, type Refusal } from '@drover/contract';
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';

const partNames: Record<string, string> = { body: 'body', querystring: 'query', params: 'path', headers: 'header' };

const expectation = (issue: z.core.$ZodIssue): string | undefined => {
  switch (issue.code) {
    case 'invalid_value':
      return `Write one of: ${issue.values.map(String).join(', ')}.`;
    case 'invalid_type':
      return issue.input === undefined || issue.message.includes('undefined')
        ? `Add it: a value of type ${issue.expected} is needed.`
        : `Write a value of type ${issue.expected}.`;
    case 'too_big':
      return `Write ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}.`;
    case 'too_small':
      return `Write ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${issue.origin === 'string' ? ' characters' : ''}.`;
    case 'unrecognized_keys':
      return 'Leave it out.';
    default:
      return undefined;
  }
};

const flatten = (issue: z.core.$ZodIssue): z.core.$ZodIssue[] => {
  if (issue.code !== 'invalid_union') return [issue];
  // The branch that got furthest is the one the sender meant.
  const best = [...issue.errors].sort((a, b) => a.length - b.length)[0];
  return best === undefined || best.length === 0
    ? [issue]
    : best.flatMap(flatten).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
};

/** What is wrong, to be read after the field's name. Schemas say it in these words themselves; the library's own words are for programmers. */
const messageOf = (issue: z.core.$ZodIssue): string => {
  if (!/^(Invalid|Too|Unrecognized)\b/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'unrecognized_keys':
      return 'is not known here';
    case 'invalid_value':
      return 'is none of its values';
    case 'invalid_type':
      return issue.input === undefined || issue.message.includes('undefined') ? 'is missing' : 'is of the wrong type';
    case 'too_small':
      return issue.origin === 'string' ? 'is too short' : 'is too small';
    case 'too_big':
      return issue.origin === 'string' ? 'is too long' : 'is too large';
    default:
      return `is not right: ${issue.message}`;
  }
};

/** A key that is not known is a mistake of its own. */
const pathsOf = (issue: z.core.$ZodIssue): PropertyKey[][] =>
  issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [[...issue.path]];

/** Every mistake of one part of a request, each with its field and remedy. */
export const invalidRequest = (part: string, error: z.core.$ZodError): Refusal => {
  const errors = error.issues.flatMap(flatten).flatMap((issue) =>
    pathsOf(issue).map((keys): FieldError => {
      const path = keys.map(String).join('.');
      const remedy = expectation(issue);
      return {
        field: path === '' ? part : part === 'body' ? path : `${part}.${path}`,
        message: messageOf(issue),
        ...(remedy === undefined ? {} : { remedy }),
      };
    }),
  );
  const [first] = errors;
  const detail =
    first === undefined ? 'The request is not valid.' : `${first.field} ${first.message}`.replace(/\.?$/, '.');
  return refusal('request.invalid', detail, {
    ...(first?.remedy === undefined ? {} : { remedy: first.remedy }),
    errors,
  });
};

/** Fastify's validator over zod schemas: gives handlers parsed values, refuses with {@link invalidRequest}. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart }) =>
  (data: unknown) => {
    const parsed = schema.safeParse(data);
    return parsed.success
      ? { value: parsed.data }
      : { error: new RefusedError(invalidRequest(partNames[httpPart ?? 'body'] ?? 'body', parsed.error)) };
  };
