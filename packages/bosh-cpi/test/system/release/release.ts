import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import * as z from 'zod';

/** `deploy/bosh` of this checkout. */
export const deployFolder = fileURLToPath(new URL('../../../../../deploy/bosh', import.meta.url));
const renderer = fileURLToPath(new URL('render.rb', import.meta.url));

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export const run = (
  command: string,
  args: readonly string[],
  options: { readonly input?: string; readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Run> =>
  new Promise((resolve, reject) => {
    const env = options.env ?? { PATH: process.env['PATH'] ?? '' };
    const child = spawn(command, [...args], { cwd: options.cwd, env, stdio: 'pipe' });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
  });

/** The same; throws what it said when it ends with another code than 0. */
export const mustRun = async (...args: Parameters<typeof run>): Promise<Run> => {
  const done = await run(...args);
  if (done.code !== 0) throw new Error(`${args[0]} ${args[1].join(' ')}: ${done.code}\n${done.stdout}${done.stderr}`);
  return done;
};

const Described = z.strictObject({
  description: z.string().min(10),
  default: z.unknown().optional(),
  example: z.unknown().optional(),
});
const LinkSpec = z.strictObject({
  name: z.string(),
  type: z.string(),
  optional: z.boolean().optional(),
  properties: z.array(z.string()).optional(),
});

/** `jobs/NAME/spec`. */
export const JobSpec = z.strictObject({
  name: z.string(),
  description: z.string(),
  templates: z.record(z.string(), z.string()),
  packages: z.array(z.string()),
  provides: z.array(LinkSpec).default([]),
  consumes: z.array(LinkSpec).default([]),
  properties: z.record(z.string(), Described),
});
export type JobSpec = z.infer<typeof JobSpec>;

/** `packages/NAME/spec`. */
export const PackageSpec = z.strictObject({
  name: z.string(),
  files: z.array(z.string()).min(1),
  dependencies: z.array(z.string()).default([]),
});

const readSpec = async <T>(schema: z.ZodType<T>, folder: string): Promise<T> =>
  schema.parse(parse(await readFile(join(folder, 'spec'), 'utf8')));

export const readJob = (release: string, name: string): Promise<JobSpec> =>
  readSpec(JobSpec, join(release, 'jobs', name));
export const readPackage = (release: string, name: string): Promise<z.infer<typeof PackageSpec>> =>
  readSpec(PackageSpec, join(release, 'packages', name));

/** Files below a folder, as `a/b`, sorted; none where there is no such folder. */
export const filesBelow = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
};

/** Whether a pattern of a package's spec takes a file: `**` is any folders, `*` a part of a name, and neither takes hidden files. */
export const matches = (pattern: string, file: string): boolean => {
  const source = pattern
    .split('/')
    .map((step) => step.replaceAll(/[.+]/g, '\\$&').replaceAll(/\*+/g, (stars) => (stars === '**' ? '**' : '[^/]*')))
    .join('/')
    .replaceAll('**/', '(?:[^/.][^/]*/)*');
  return new RegExp(`^${source}$`).test(file) && !/(?:^|\/)\./.test(file);
};

/** What a director would give: properties as in a manifest, and links. */
export interface Given {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly links?: Readonly<Record<string, { readonly instances: readonly object[]; readonly properties: object }>>;
}

/** Renders all templates of a job into a folder. */
export const renderJob = async (release: string, name: string, target: string, given: Given): Promise<void> => {
  await mkdir(target, { recursive: true });
  await mustRun('ruby', [renderer, join(release, 'jobs', name), target], { input: JSON.stringify(given) });
};
