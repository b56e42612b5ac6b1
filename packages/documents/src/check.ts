import * as z from 'zod';
import { bareSchema, keysBelow, schemaAt, typeText, type DocumentKey } from './describe.js';
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

/** Keys of the maps in a list that is described as one. */
const keysInList = (keys: readonly DocumentKey[], path: string): string[] => {
  const list = keys.find((known) => `${known.path}[]` === path);
  const found = list && schemaAt(list.schema, [0]);
  const element = found && bareSchema(found);
  return element instanceof z.ZodObject ? Object.keys(element.shape) : [];
};

/** `told` is the schema's own remedy, for maps whose keys are not among those of the document. */
const unknownKey = (parent: readonly PropertyKey[], key: string, told: string, options: CheckOptions): Problem => {
  const { keys, noun, originOf } = options;
  const under = parent.map(String).join('.');
  const place = described(parent);
  const siblings = [...keysBelow(keys, place), ...keysInList(keys, place)];
  const close = nearest(key, siblings);
  const elsewhere = keys.find((known) => known.path.split('.').at(-1)?.toLowerCase() === key.toLowerCase());
  const guess = close === undefined ? elsewhere?.path : under === '' ? close : `${under}.${close}`;
  const known = siblings.length === 0 ? told : `Known here: ${siblings.join(', ')}.`;
  return {
    key: under === '' ? key : `${under}.${key}`,
    origin: originOf([...parent, key]),
    message: `is not ${noun}`,
    remedy: guess === undefined || siblings.length === 0 ? known : `Did you mean ${guess}?`,
  };
};

/** How many steps of a path lead to a key: `files[].path` is three. */
const depthOf = (key: DocumentKey): number => key.path.replaceAll('[]', '.0').split('.').length;

/** What a schema found wrong with a document, as its writer can mend it. */
export const issueProblems = (issue: z.core.$ZodIssue, options: CheckOptions): Problem[] => {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => unknownKey(issue.path, key, issue.message, options));
  const path = described(issue.path);
  const key = options.keys.find(
    (known) => path === known.path || path.startsWith(`${known.path}.`) || path.startsWith(`${known.path}[`),
  );
  const schema = key && (schemaAt(key.schema, issue.path.slice(depthOf(key))) ?? key.schema);
  return [
    {
      key: issue.path.map(String).join('.'),
      origin: options.originOf(issue.path),
      message: messageOf(issue),
      remedy: schema === undefined ? 'Write a map of keys and values here.' : `Expected: ${typeText(schema)}.`,
    },
  ];
};

const messageOf = (issue: z.core.$ZodIssue): string => {
  const { code, message } = issue;
  if (code === 'invalid_key') return issue.issues[0]?.message ?? message;
  // A union that has words of its own for what fits none of its options.
  if (code === 'invalid_union' && message !== 'Invalid input') return message;
  if (code === 'custom' || code === 'invalid_format') return message;
  if (code === 'invalid_type' && message.endsWith('received undefined')) return 'is missing';
  return code === 'invalid_value' ? 'is none of the values it can have' : `is not right: ${message}`;
};
