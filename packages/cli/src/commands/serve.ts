import { problemOf, RefusedError } from '@drover/contract';
import { DroverError } from '@drover/sdk';
import {
  effectiveSettings,
  fetchHelpers as fetchInto,
  loadSettings,
  SettingsError,
  startServer,
  type RunningServer,
} from '@drover/server';
import { listOption, textOption, UsageError, type Action, type Cli } from '../command.js';
import { putContext, readContexts } from '../contexts.js';
import { hint, showList } from '../show.js';

/** Exit codes of `drover serve`: bad settings 2; cannot start, or another server works on the data folder 4. */
const badSettings = 2;
const cannotStart = 4;
const localContext = 'local';

/** `key=value` pairs as settings: what looks like JSON is taken as such, so that lists and booleans can be given. */
const overridesOf = ({ options }: Cli): Record<string, unknown> => {
  const pairs = listOption(options, 'set').map((pair): [string, unknown] => {
    const at = pair.indexOf('=');
    if (at <= 0) throw new UsageError(`--set ${pair} is no setting`, 'Write it like --set boot.autoAdopt=true.');
    return [pair.slice(0, at), valueOf(pair.slice(at + 1))];
  });
  const dataDir = textOption(options, 'dataDir');
  return { ...Object.fromEntries(pairs), ...(dataDir === undefined ? {} : { dataDir }) };
};

const valueOf = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};

/** How this machine reaches the API: an address it listens on, loopback where that is all of them. */
const localUrl = (urls: readonly string[]): string =>
  (urls[0] ?? 'http://127.0.0.1:8080').replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');

/** Lets `drover` on this machine and of this user talk to the new server; a context of another server stays as it is. */
const keepContext = (cli: Cli, server: string, key: string): void => {
  const file = cli.environment.contextFile;
  const known = readContexts(file).contexts[localContext];
  if (known !== undefined && known.server !== server) {
    hint(cli, `The context ${localContext} is ${known.server} and stays so. For this server: drover login ${server}`);
    return;
  }
  putContext(file, localContext, { server, key }, false);
};

const announce = (cli: Cli, server: RunningServer, first: { key: string; file: string } | undefined): void => {
  const url = localUrl(server.ready.api);
  if (first === undefined) return;
  // What is written elsewhere than to a terminal is a log, which more people read than may have the key.
  cli.io.err(
    cli.io.isLive
      ? `\nFirst start. The admin key, shown this once and kept in ${first.file}:\n\n  ${first.key}\n\n`
      : `First start. The admin key is in ${first.file}.\n`,
  );
  try {
    keepContext(cli, url, first.key);
  } catch (error) {
    hint(cli, `It could not be stored for the command line: ${error instanceof Error ? error.message : String(error)}`);
  }
};

const isExpected = (error: unknown): error is Error =>
  error instanceof Error && ['DataFolderInUseError', 'StartError'].includes(error.name);

export const serve: Action = async (cli) => {
  let first: { key: string; file: string } | undefined;
  try {
    const server = await startServer({
      settingsPath: textOption(cli.options, 'config'),
      overrides: overridesOf(cli),
      onFirstKey: (key, file) => {
        first = { key, file };
      },
    });
    announce(cli, server, first);
    await server.ended;
    return 0;
  } catch (error) {
    if (error instanceof SettingsError) {
      cli.io.err(`${error.message}\n`);
      return badSettings;
    }
    if (!isExpected(error)) throw error;
    cli.io.err(`drover: ${error.message}\n`);
    return cannotStart;
  }
};

const valueText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

export const showSettings: Action = async (cli) => {
  try {
    const loaded = await loadSettings({ settingsPath: textOption(cli.options, 'config') });
    const all = effectiveSettings(loaded);
    const shown = cli.options['changed'] === true ? all.filter(({ origin }) => origin !== 'default') : all;
    for (const warning of loaded.warnings) hint(cli, warning);
    showList(
      cli,
      shown,
      [
        { title: 'SETTING', value: ({ key }) => key },
        { title: 'VALUE', value: ({ value }) => (value === null ? null : valueText(value)) },
        { title: 'FROM', value: ({ origin }) => origin },
      ],
      'Every setting has its default.',
    );
    return 0;
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    cli.io.err(`${error.message}\n`);
    return badSettings;
  }
};

export const fetchHelpers: Action = async (cli) => {
  try {
    const { settings } = await loadSettings({ settingsPath: textOption(cli.options, 'config') });
    const helpers = await fetchInto(settings, {
      signal: cli.signal,
      onProgress: (architecture) => {
        hint(cli, `Fetching helpers for ${architecture}.`);
      },
    });
    showList(
      cli,
      helpers,
      [
        { title: 'ARCHITECTURE', value: ({ architecture }) => architecture },
        { title: 'PROGRAM', value: ({ name }) => name },
        { title: 'VERSION', value: ({ version }) => version },
        { title: 'LICENCE', value: ({ licence }) => licence },
      ],
      'There are no helpers.',
    );
    return 0;
  } catch (error) {
    if (error instanceof SettingsError) {
      cli.io.err(`${error.message}\n`);
      return badSettings;
    }
    if (error instanceof RefusedError) throw new DroverError(problemOf(error.refusal));
    throw error;
  }
};
