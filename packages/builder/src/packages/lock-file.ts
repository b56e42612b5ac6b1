import { refusal, RefusedError } from '@drover/contract';
import { LockedPackage } from '@drover/debian';
import * as z from 'zod';
import type { Recipe } from '../recipe/recipe.js';
import { askedOf, bootWish, type PackageLock } from './lock.js';

const Package = z.object({
  locked: LockedPackage,
  filename: z.string(),
  /** Fields in their order. */
  stanza: z.array(z.tuple([z.string(), z.string()])).transform((fields) => new Map(fields)),
});
const Step = z.object({ install: z.array(Package), remove: z.array(z.string()), asked: z.array(z.string()) });
/** `packages.lock.json`: all packages of a build with what their lists said of them, so that it can be built again when the mirror has moved on. */
const LockFile = z.object({
  format: z.literal(1),
  system: Step,
  boot: Step,
  steps: z.array(Step),
  installed: z.array(Package),
  kept: z.array(z.object({ name: z.string(), version: z.string(), architecture: z.string(), source: z.string() })),
});

export const lockText = (lock: PackageLock): string =>
  `${JSON.stringify({ format: 1, ...lock }, (_, value: unknown) => (value instanceof Map ? [...(value as Map<string, string>)] : value))}\n`;

const unusable = (path: string, why: string): RefusedError =>
  new RefusedError(
    refusal('request.invalid', `${path} ${why}.`, {
      remedy: 'Give the packages.lock.json of a build of this recipe, or build without one.',
    }),
  );

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** Reads a lock. Throws RefusedError when it is none. */
export function parseLock(path: string, text: string): PackageLock {
  const parsed = LockFile.safeParse(jsonOf(text));
  if (!parsed.success) throw unusable(path, `is no list of packages: ${z.prettifyError(parsed.error).split('\n')[0]}`);
  const { format: _format, ...lock } = parsed.data;
  return lock;
}

const same = (one: readonly string[], two: readonly string[]): boolean =>
  one.length === two.length && one.every((name, index) => name === two[index]);

/** Refuses a lock that was made for other wishes. */
export function checkLock(path: string, lock: PackageLock, recipe: Recipe): void {
  if (!same(lock.boot.asked, askedOf(bootWish(recipe)))) throw unusable(path, 'is for another kernel or firmware');
  if (lock.steps.length !== recipe.steps.length) throw unusable(path, 'is for another chain of recipes');
  for (const [index, { name, packages }] of recipe.steps.entries()) {
    const asked = lock.steps[index]?.asked ?? [];
    if (!same(asked, askedOf(packages)))
      throw unusable(path, `is for other packages of ${name}: ${asked.join(', ') || 'none'}`);
  }
}
