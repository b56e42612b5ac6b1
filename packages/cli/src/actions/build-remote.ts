import type { Build, RecipeSource } from '@drover/contract';
import { DroverError, type Client } from '@drover/sdk';
import { followLog } from '../build-log.js';
import { flagOption, textOption, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { packFolders } from '../pack-folder.js';
import { hint, show } from '../show.js';
import { safeText } from '../terminal/format.js';
import { createProgressBar } from '../terminal/progress.js';
import { openFile, uploadFile, type Uploading } from '../upload-file.js';
import { createUploadNotes, openLocalFile, type LocalFile } from '../uploads.js';
import { buildText } from './builds.js';

/** Where a recipe is: with Drover, or in folders of this machine below `top`, of which `path` is the one that is built. */
export type LocalRecipe =
  | { readonly kind: 'shipped'; readonly name: string }
  | { readonly kind: 'folders'; readonly top: string; readonly folders: readonly string[]; readonly path: string };

const upload = async (uploading: Uploading, file: LocalFile): Promise<string> => {
  try {
    const id = await uploadFile(uploading, file);
    // Whatever becomes of the build, its upload is used up.
    uploading.notes.forget(uploading.client.baseUrl, file);
    return id;
  } finally {
    await file.close();
    uploading.bar.end();
  }
};

const sourceOf = async (uploading: Uploading, recipe: LocalRecipe): Promise<RecipeSource> => {
  if (recipe.kind === 'shipped') return recipe;
  const packed = await packFolders(recipe.top, recipe.folders, uploading.cli.signal);
  try {
    const id = await upload(uploading, await openLocalFile(packed.path));
    return { kind: 'upload', upload: id, path: recipe.path };
  } finally {
    await packed.dispose();
  }
};

const begin = async (cli: Cli, client: Client, recipe: LocalRecipe): Promise<Build> => {
  const notes = createUploadNotes(cli.environment.uploadsFile);
  const uploading: Uploading = { cli, client, notes, bar: createProgressBar(cli.io) };
  const lockFile = textOption(cli.options, 'lock');
  const lock =
    lockFile === undefined
      ? undefined
      : await upload(uploading, await openFile(lockFile, 'Name the packages.lock.json of a build.'));
  const source = await sourceOf(uploading, recipe);
  const body = {
    ...{ recipe: source, release: flagOption(cli.options, 'release'), publish: flagOption(cli.options, 'publish') },
    ...(lock === undefined ? {} : { lock }),
  };
  return client.builds.create({ body }, { signal: cli.signal });
};

const stageLine = /^\[\d+\/\d+\] /;
const tailLimit = 3000;

/** Shows stages as they begin, or all of the log; keeps the end of it for when the build fails. */
const narrate = (cli: Cli): { readonly onText: (text: string) => void; readonly tail: () => string } => {
  const verbose = flagOption(cli.options, 'verbose');
  let tail = '';
  let open = '';
  return {
    tail: () => tail,
    onText: (text) => {
      tail = (tail + text).slice(-tailLimit);
      if (verbose) return cli.io.err(safeText(text));
      const lines = (open + text).split('\n');
      open = lines.pop() ?? '';
      for (const line of lines) if (stageLine.test(line)) cli.io.err(`${safeText(line)}\n`);
    },
  };
};

const interrupted = async (cli: Cli, client: Client, { id, job }: Build): Promise<void> => {
  if (!flagOption(cli.options, 'cancelOnInterrupt')) {
    hint(
      cli,
      `It goes on on the server. Follow it: drover builds log ${id} --follow; end it: drover builds cancel ${id}`,
    );
    return;
  }
  await client.jobs.cancel({ params: { id: job ?? '' } });
  hint(cli, `The build ${id} was asked to end.`);
};

const follow = async (cli: Cli, client: Client, build: Build): Promise<Build> => {
  const { onText, tail } = narrate(cli);
  try {
    const ended = await followLog(client, build.id, { follow: true, onText, signal: cli.signal });
    if (ended.error !== null) {
      if (!flagOption(cli.options, 'verbose')) cli.io.err(`${safeText(tail()).trimEnd()}\n`);
      throw new DroverError(ended.error);
    }
    return ended;
  } catch (error) {
    if (cli.signal.aborted) await interrupted(cli, client, build);
    throw error;
  }
};

/** `drover build --remote`: the server builds, and this shows what it does. */
export async function buildRemote(cli: Cli, recipe: LocalRecipe): Promise<void> {
  const client = connect(cli);
  const build = await begin(cli, client, recipe);
  hint(cli, `The server builds ${build.recipe}: ${build.id}`);
  const shown = cli.options['wait'] === false ? build : await follow(cli, client, build);
  show(cli, shown, buildText(cli.io, shown));
}
