import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import { fetchBase } from '../base/fetch.js';
import type { BuildOptions, BuildPlan } from '../build/build.js';
import { builtNames, diskName } from '../build/finish.js';
import type { Builder, PlanOptions } from '../builder.js';
import type { Recipe } from '../recipe/recipe.js';
import { openBuildStore } from '../store/build-store.js';
import { makeWorkFolder } from '../store/work-folders.js';
import type { Connect, Connection } from './connection.js';
import type { BuildMessage, BuildRequest } from './messages.js';
import { packFolders } from './pack-folders.js';

export interface ProcessBuilderDeps {
  readonly connect: Connect;
  /** For what comes from a place that has other files than this machine. */
  readonly temporary: string;
}

type Built = Extract<BuildMessage, { kind: 'built' }>;

interface Work {
  readonly request: Omit<BuildRequest, 'cacheDir' | 'folders' | 'base'>;
  readonly options: PlanOptions;
  readonly onBuilt: (built: Built, connection: Connection) => Promise<void>;
}

/** The process said no end of its own: it broke off, or the way to it did. */
const brokenOff = ({ place }: Connection, { code, said }: { code: number | null; said: string }): RefusedError =>
  new RefusedError(
    refusal('tool.failed', `The build on ${place} broke off (${code ?? 'killed'})${said === '' ? '.' : `: ${said}`}`, {
      remedy: 'Try again: what was finished is kept there.',
    }),
  );

const elsewhere = ({ place, isLocal }: Connection, { refusal: reason }: { refusal: RefusedError['refusal'] }) =>
  new RefusedError(isLocal ? reason : { ...reason, detail: `On ${place}: ${reason.detail}` });

/** Follows the process to its end, and returns its plan when it made one. */
async function follow(connection: Connection, { options, onBuilt }: Work): Promise<BuildPlan | undefined> {
  let plan: BuildPlan | undefined;
  for await (const line of connection.lines) {
    // A login shell may greet first.
    if (!line.startsWith('{')) continue;
    const message = JSON.parse(line) as BuildMessage;
    switch (message.kind) {
      case 'event':
        options.onEvent(message.event);
        break;
      case 'plan':
        plan = message.plan;
        break;
      case 'built':
        await onBuilt(message, connection);
        connection.send(JSON.stringify({ kind: 'taken' }));
        break;
      case 'refused':
        throw elsewhere(connection, message);
      case 'done':
        return plan;
    }
  }
  options.signal.throwIfAborted();
  throw brokenOff(connection, await connection.close());
}

const notSent = ({ place }: Connection): RefusedError =>
  new RefusedError(
    refusal('request.invalid', `base.image: an image of the server does not get to ${place}.`, {
      remedy: 'Build here or on the server (--remote), or name the image by base.url and base.sha256.',
    }),
  );

/** The disk of an image of the server, for a process that knows no server. */
async function baseFor(connection: Connection, { request, options }: Work): Promise<BuildRequest['base']> {
  const { base } = request.recipe;
  if (base.kind !== 'image') return null;
  if (!connection.isLocal) throw notSent(connection);
  const store = await openBuildStore(connection.cacheDir);
  const folder = await makeWorkFolder(store.work);
  const { signal, images, onEvent } = options;
  const onOutput = (chunk: Uint8Array): void => onEvent({ kind: 'output', text: Buffer.from(chunk).toString('utf8') });
  try {
    return await fetchBase(base, { tools: createToolRunner(), store, folder, images, signal, onOutput });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function carryOut(deps: ProcessBuilderDeps, work: Work): Promise<BuildPlan | undefined> {
  const { signal } = work.options;
  const connection = await deps.connect(signal);
  // Its input ends, and with it the build.
  const end = (): void => void connection.close();
  signal.addEventListener('abort', end, { once: true });
  try {
    signal.throwIfAborted();
    const folders = connection.isLocal ? null : await packFolders(work.request.recipe, signal);
    const base = await baseFor(connection, work);
    const request: BuildRequest = { ...work.request, cacheDir: connection.cacheDir, folders, base };
    connection.send(JSON.stringify(request));
    return await follow(connection, work);
  } finally {
    signal.removeEventListener('abort', end);
    await connection.close();
  }
}

/** Brings what was made here, where it was made elsewhere, and hands it over. */
async function handOver(
  { manifest, folder }: Built,
  connection: Connection,
  { deliver, signal, withDisk = true }: BuildOptions,
  temporary: string,
): Promise<void> {
  if (connection.isLocal) return deliver({ manifest, disk: join(folder, diskName) }, folder);
  await mkdir(temporary, { recursive: true });
  const arrived = await mkdtemp(join(temporary, 'arrived-'));
  try {
    await connection.fetch(folder, [...builtNames, ...(withDisk ? [diskName] : [])], arrived, signal);
    signal.throwIfAborted();
    await deliver({ manifest, disk: join(arrived, diskName) }, arrived);
  } finally {
    await rm(arrived, { recursive: true, force: true });
  }
}

/** Has a process build: one of this machine, or of another. */
export function createProcessBuilder(deps: ProcessBuilderDeps): Builder {
  const requestOf = (kind: BuildRequest['kind'], recipe: Recipe, { lockFile }: PlanOptions, strong: boolean) => ({
    ...{ kind, recipe, strong, lockFile: lockFile ?? null },
  });
  return {
    plan: async (recipe, options) => {
      const request = requestOf('plan', recipe, options, false);
      const plan = await carryOut(deps, { request, options, onBuilt: () => Promise.resolve() });
      if (plan === undefined) throw new Error('a plan that was not made');
      return plan;
    },
    build: async (recipe, options) => {
      const request = requestOf('build', recipe, options, options.strong);
      const onBuilt: Work['onBuilt'] = (built, connection) => handOver(built, connection, options, deps.temporary);
      await carryOut(deps, { request, options, onBuilt });
    },
  };
}
