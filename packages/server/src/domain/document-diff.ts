import { pathText, type BootConfigChange, type JsonPath } from '@drover/contract';

type Members = readonly (readonly [name: string | number, value: unknown])[];

/** What an object or a list holds; undefined for what holds nothing. */
const membersOf = (value: unknown): Members | undefined => {
  if (Array.isArray(value)) return value.map((each: unknown, index) => [index, each]);
  return typeof value === 'object' && value !== null ? Object.entries(value) : undefined;
};

const isSameKind = (before: unknown, after: unknown): boolean => Array.isArray(before) === Array.isArray(after);

const compare = (path: JsonPath, before: unknown, after: unknown): BootConfigChange[] => {
  if (before === undefined) return [{ change: '+', path: pathText(path), after }];
  if (after === undefined) return [{ change: '-', path: pathText(path), before }];
  const [old, fresh] = [membersOf(before), membersOf(after)];
  if (old !== undefined && fresh !== undefined && isSameKind(before, after)) return compareMembers(path, old, fresh);
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ change: '~', path: pathText(path), before, after }];
};

const compareMembers = (path: JsonPath, before: Members, after: Members): BootConfigChange[] => {
  const [old, fresh] = [new Map(before), new Map(after)];
  const names = [...new Set([...old.keys(), ...fresh.keys()])];
  return names.flatMap((name) => compare([...path, name], old.get(name), fresh.get(name)));
};

/** Differences of two JSON documents, each at the deepest place where they differ. Undefined: there is none. */
export const diffDocuments = (before: unknown, after: unknown): BootConfigChange[] =>
  before === undefined && after === undefined ? [] : compare([], before, after);
