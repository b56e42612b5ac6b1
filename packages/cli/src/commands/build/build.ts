import { readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import {
  builtNames,
  connectOverSsh,
  createLocalBuilder,
  createProcessBuilder,
  diskName,
  loadRecipe,
  localRecipes,
  parseSshAddress,
  RecipeError,
  type Builder,
  type BuildPlan,
  type Finished,
  type Recipe,
  type ServerImages,
} from '@drover/builder';
import { problemOf, refusal, RefusedError } from '@drover/contract';
import { DroverError } from '@drover/sdk';
import { createToolRunner } from '@drover/tools';
import { showEvents, type EventsShown } from './events.js';
import { makeFolder, tryFolder } from './output-folder.js';
import { buildRemote, type LocalRecipe } from '../../actions/build-remote.js';
import { importFile } from '../../actions/image-import.js';
import { flagName, flagOption, textOption, UsageError, type Action, type Cli } from '../../command.js';
import { connect } from '../../connect.js';
import { keepLog } from '../../kept-log.js';
import { hint, show } from '../../show.js';
import { bytesText } from '../../terminal/format.js';

/** A recipe that cannot be used: as for bad settings. */
const badRecipe = 2;

/** What was made is ours to take; only another file system makes it a copy, with its holes. */
const take = (from: string, to: string): Promise<unknown> =>
  rename(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EXDEV') throw error;
    return createToolRunner().run('cp', ['--sparse=always', from, to]);
  });

const takeOut = async (finished: Finished, folder: string, into: string, withDisk: boolean): Promise<void> => {
  await makeFolder(resolve(into));
  for (const name of builtNames) await take(join(folder, name), join(into, name));
  if (withDisk) await take(finished.disk, join(into, diskName));
};

const summary = ({ manifest }: Finished): string => {
  const files = Object.entries(manifest.files).map(
    ([name, { size, sha256 }]) => `  ${name.padEnd(12)} ${bytesText(size).padStart(10)}  sha256 ${sha256}\n`,
  );
  return `${manifest.name}:${manifest.version} for ${manifest.models.join(', ')}\n${files.join('')}`;
};

const readLock = async (path: string | undefined): Promise<{ path: string; text: string } | undefined> => {
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new UsageError(`--lock ${path} cannot be read: ${error.message}`, 'Name the packages.lock.json of a build.');
  });
  return { path, text };
};

const planText = (name: string, { stages, packages, fetch }: BuildPlan): string => {
  const fetched = fetch.count === 0 ? 'all are here' : `${fetch.count} to fetch, ${bytesText(fetch.bytes)}`;
  const lines = stages.map((title) => `  ${title}\n`).join('');
  return `${name} would have ${packages.length} packages (${fetched}):\n${lines}`;
};

/** Images to begin with, of the server that the command line knows. */
const imagesOf = (cli: Cli): ServerImages => ({
  open: async (ref, signal) => {
    const client = connect(cli);
    const image = await client.call('getImage', { params: { ref } }, { signal });
    if (image.digest === null)
      throw new RefusedError(
        refusal('image.not-ready', `base.image: ${ref} is ${image.state}.`, { remedy: 'Wait until it is imported.' }),
      );
    return {
      sha256: image.digest,
      disk: { bytes: client.download('downloadImageDisk', { params: { ref: image.id } }, { signal }) },
    };
  },
});

/** This machine, or the host of `--on`. */
const builderOf = (cli: Cli): Builder => {
  const here = cli.environment.buildCache;
  const given = textOption(cli.options, 'cacheDir');
  const on = textOption(cli.options, 'on');
  if (on === undefined) return createLocalBuilder({ cacheDir: given ?? here });
  const address = parseSshAddress(on);
  if (!address.ok) throw new UsageError(`--on: ${address.detail}`, address.remedy ?? '');
  const configFile = textOption(cli.options, 'sshConfig') ?? null;
  return createProcessBuilder({
    connect: connectOverSsh({ address: address.value, configFile, cacheDir: given ?? null }),
    temporary: here,
  });
};

const isShipped = (folder: string): boolean => folder.startsWith(localRecipes.shipped + sep);

/** The folder that holds all of them. */
const commonFolder = (folders: readonly string[]): string => {
  const [first = [], ...others] = folders.map((folder) => folder.split(sep));
  const differs = first.findIndex((part, index) => others.some((other) => other[index] !== part));
  return first.slice(0, differs < 0 ? first.length : differs).join(sep) || sep;
};

/** Which folders a server needs to build what `reference` names here. */
const foldersOf = async ({ name, steps }: Recipe, reference: string): Promise<LocalRecipe> => {
  const own = steps.at(-1)?.folder ?? '';
  if (isShipped(own)) return { kind: 'shipped', name };
  const folders = [...new Set(steps.map(({ folder }) => resolve(folder)).filter((folder) => !isShipped(folder)))];
  const top = commonFolder(folders.map((folder) => dirname(folder)));
  const isFile = (await stat(reference).catch(() => undefined))?.isFile() === true;
  const path = relative(top, isFile ? join(own, basename(reference)) : own);
  return { kind: 'folders', top, folders: folders.map((folder) => relative(top, folder)), path };
};

/** What is for this machine alone means nothing to a server. */
const refuseLocal = ({ options }: Cli): void => {
  for (const name of ['output', 'import', 'card', 'check', 'dryRun', 'on', 'sshConfig', 'cacheDir', 'shared'])
    if (options[name] !== undefined)
      throw new UsageError(`${flagName(name)} does not go with --remote`, 'Leave one of them out.');
};

/** Builds here or elsewhere, and takes what was made to where it is wanted. */
async function buildNow(
  cli: Cli,
  builder: Builder,
  recipe: Recipe,
  events: Pick<EventsShown, 'onEvent'>,
): Promise<void> {
  const lockFile = await readLock(textOption(cli.options, 'lock'));
  const common = { onEvent: events.onEvent, signal: cli.signal, lockFile, images: imagesOf(cli) };
  if (flagOption(cli.options, 'dryRun')) {
    const plan = await builder.plan(recipe, common);
    return show(cli, plan, planText(recipe.name, plan));
  }
  const into = textOption(cli.options, 'output');
  // Whoever names a folder wants files; else the image is for the server, which has to be known before an hour of work.
  const client = into === undefined || flagOption(cli.options, 'import') ? connect(cli) : undefined;
  if (into !== undefined) await tryFolder(resolve(into));
  const withCard = flagOption(cli.options, 'card');
  await builder.build(recipe, {
    ...{ ...common, strong: flagOption(cli.options, 'release'), withDisk: client !== undefined || withCard },
    deliver: async (finished, folder) => {
      const { name, version } = finished.manifest;
      if (client !== undefined) await importFile(cli, client, finished.disk, { name, version });
      if (into !== undefined) await takeOut(finished, folder, into, withCard);
      show(cli, finished.manifest, summary(finished));
    },
  });
}

/** A build that fails shows what its programs said last; all of what they said is kept either way. */
async function buildWithLog(cli: Cli, builder: Builder, recipe: Recipe): Promise<void> {
  const isPlan = flagOption(cli.options, 'dryRun');
  const log = isPlan ? undefined : keepLog(cli.environment.buildLogs, recipe.name, new Date());
  const events = showEvents(cli, log);
  try {
    await buildNow(cli, builder, recipe, events);
  } catch (error) {
    log?.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (!cli.signal.aborted) events.onFailure();
    else hint(cli, 'Interrupted. What was finished is kept, and the next build goes on from there.');
    throw error instanceof RefusedError ? new DroverError(problemOf(error.refusal)) : error;
  } finally {
    log?.close();
  }
}

export const build: Action = async (cli, [reference = '']) => {
  try {
    const builder = builderOf(cli);
    const recipe = await loadRecipe(reference, process.cwd(), localRecipes);
    if (flagOption(cli.options, 'check')) {
      show(cli, recipe, `${recipe.name}: the recipe and all it extends can be used.\n`);
    } else if (flagOption(cli.options, 'remote')) {
      refuseLocal(cli);
      await buildRemote(cli, await foldersOf(recipe, reference));
    } else await buildWithLog(cli, builder, recipe);
    return 0;
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    cli.io.err(`${error.message}\n`);
    return badRecipe;
  }
};
