import type { z } from 'zod';
import { keysBelow, typeText, elementOf, type DocumentKey } from './describe.js';
import { nearest } from './nearest.js';
import type { Problem } from './problem.js';

export interface CheckOptions {
  /** All keys there are. */
  readonly keys: readonly DocumentKey[];
  /** What a key is, in the words of errors: `a setting`. */
  readonly noun: string;
  readonly originOf: (path: readonly PropertyKey[]) => string;
}

/** `files.0.path` as the keys are described: `files[].path`. */
const described = (path: readonly PropertyKey[]): string =>
  path
    .map(String)
    .reduce((text, step) => (/^\d+$/.test(step) ? `${text}[]` : text === '' ? step : `${text}.${step}`), '');

const unknownKey = (parent: readonly PropertyKey[], key: string, options: CheckOptions): Problem => {
  const { keys, noun, originOf } = options;
  const under = parent.map(String).join('.');
  const siblings = keysBelow(keys, described(parent));
  const close = nearest(key, siblings);
  const elsewhere = keys.find((known) => known.path.split('.').at(-1)?.toLowerCase() === key.toLowerCase());
  const guess = close === undefined ? elsewhere?.path : under === '' ? close : `${under}.${close}`;
  return {
    key: under === '' ? key : `${under}.${key}`,
    origin: originOf([...parent, key]),
    message: `is not ${noun}`,
    remedy: guess === undefined ? `Known here: ${siblings.join(', ')}.` : `Did you mean ${guess}?`,
  };
};

/** What a schema found wrong with a document, as its writer can mend it. */
export const issueProblems = (issue: z.core.$ZodIssue, options: CheckOptions): Problem[] => {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(issue.path, key, options));
  const path = described(issue.path);
  const key = options.keys.find(
    (known) => path === known.path || path.startsWith(`${known.path}.`) || path.startsWith(`${known.path}[`),
  );
  const schema = key !== undefined && /^\d+$/.test(String(issue.path.at(-1))) ? elementOf(key.schema) : key?.schema;
  return [
    {
      key: issue.path.map(String).join('.'),
      origin: options.originOf(issue.path),
      message: messageOf(issue),
      remedy: schema === undefined ? 'Write a map of keys and values here.' : `Expected: ${typeText(schema)}.`,
    },
  ];
};

const messageOf = ({ code, message }: z.core.$ZodIssue): string => {
  if (code === 'custom' || code === 'invalid_format') return message;
  if (code === 'invalid_type' && message.endsWith('received undefined')) return 'is missing';
  return code === 'invalid_value' ? 'is none of the values it can have' : `is not right: ${message}`;
};
