import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import { DocumentError, issueProblems, nearest, readYamlFile, type Problem, type YamlFile } from '@drover/documents';
import { settingKeys, type SettingKey } from './describe.js';
import { SettingsSchema, type Settings } from './schema.js';

export const defaultSettingsPath = '/etc/drover/drover.yaml';
const purpose = {
  holds: 'settings',
  page: 'docs/reference/settings.md',
  otherwise: 'Name another file with --config, or leave it out to run with the defaults.',
};

export interface LoadOptions {
  /** From `--config`; without it {@link defaultSettingsPath} is read when it is there. */
  readonly settingsPath?: string | undefined;
  /** From the command line, by dotted path; stronger than environment and file. */
  readonly overrides?: Readonly<Record<string, unknown>> | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isRoot: boolean;
}

export interface LoadedSettings {
  readonly settings: Settings;
  /** The file that was read, if any. */
  readonly settingsPath: string | undefined;
  /** Where each key's value came from: `/etc/drover/drover.yaml:3`, `DROVER_SITE`, `command line`, `default`. */
  readonly origins: ReadonlyMap<string, string>;
  /** Things that are odd but no reason not to start. */
  readonly warnings: readonly string[];
}

/** The settings cannot be used. */
export class SettingsError extends DocumentError {
  constructor(problems: readonly Problem[]) {
    super('SettingsError', problems);
  }
}

type Tree = Record<string, unknown>;

const put = (tree: Tree, path: readonly string[], value: unknown): void => {
  const [head, ...rest] = path;
  if (head === undefined) return;
  if (rest.length === 0) {
    tree[head] = value;
    return;
  }
  const below = tree[head];
  const next: Tree = typeof below === 'object' && below !== null && !Array.isArray(below) ? { ...below } : {};
  tree[head] = next;
  put(next, rest, value);
};

const has = (tree: unknown, path: readonly string[]): boolean => {
  let node = tree;
  for (const step of path) {
    if (typeof node !== 'object' || node === null || !(step in node)) return false;
    node = (node as Tree)[step];
  }
  return node !== undefined;
};

/** The text of an environment variable as the value a file would hold. */
const fromEnvironment = (key: SettingKey, text: string): unknown => {
  if (key.shape === 'number') return /^-?\d+$/.test(text.trim()) ? Number(text) : text;
  if (key.shape === 'boolean')
    return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : text;
  if (key.shape === 'list') {
    return text === 'auto' ? text : text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
  }
  return key.shape === 'yaml' ? parseYaml(text) : text;
};

/** Which layer a value came from, so that a message can name the line or the variable. */
const originFinder =
  (file: YamlFile | undefined, fromEnv: ReadonlySet<string>, fromOverrides: ReadonlySet<string>) =>
  (path: readonly PropertyKey[]): string => {
    for (let depth = path.length; depth > 0; depth -= 1) {
      const dotted = path.slice(0, depth).map(String).join('.');
      if (fromOverrides.has(dotted)) return 'command line';
      const key = settingKeys.find((known) => known.path === dotted);
      if (key !== undefined && fromEnv.has(dotted)) return key.env;
    }
    return file === undefined ? 'settings' : `${file.path}:${file.lineOf(path)}`;
  };

/** What the schema cannot say about one key alone. */
const crossChecks = (settings: Settings, originOf: (path: readonly PropertyKey[]) => string): Problem[] => {
  const { dhcp } = settings.boot;
  if (dhcp.mode === 'full' && dhcp.pool === undefined && dhcp.static.length === 0) {
    return [
      {
        key: 'boot.dhcp.pool',
        origin: originOf(['boot', 'dhcp', 'mode']),
        message: 'is missing: mode full has no addresses to hand out',
        remedy: 'Give boot.dhcp.pool.start and boot.dhcp.pool.end, or set boot.dhcp.mode to proxy.',
      },
    ];
  }
  const taken = new Map<string, string>();
  for (const path of ['http.listen', 'boot.http.listen'] as const) {
    for (const { host, port } of path === 'http.listen' ? settings.http.listen : settings.boot.http.listen) {
      const place = `${host}:${port}`;
      const other = taken.get(place);
      if (other !== undefined && port !== 0) {
        return [
          {
            key: path,
            origin: originOf(path.split('.')),
            message: `names ${place}, which ${other} has already`,
            remedy: 'Give each listener an address of its own.',
          },
        ];
      }
      taken.set(place, path);
    }
  }
  return [];
};

const defaultDataDir = (options: LoadOptions): string =>
  options.isRoot
    ? '/var/lib/drover'
    : join(options.env['XDG_DATA_HOME'] ?? join(options.env['HOME'] ?? homedir(), '.local/share'), 'drover');

const originsOf = (values: Tree, originOf: (path: readonly PropertyKey[]) => string): Map<string, string> =>
  new Map(settingKeys.map(({ path }) => [path, has(values, path.split('.')) ? originOf(path.split('.')) : 'default']));

/** Variables other parts of Drover read: no reason to warn. */
const otherVariables = /^DROVER_(SERVER|KEY|CONTEXT|CONFIG|TEST_.*|BENCH_.*)$/;

const unknownVariables = (env: LoadOptions['env']): string[] =>
  Object.keys(env)
    .filter((name) => name.startsWith('DROVER_') && !otherVariables.test(name))
    .filter((name) => !settingKeys.some((key) => key.env === name))
    .map((name) => {
      const guess = nearest(
        name,
        settingKeys.map((key) => key.env),
      );
      return `${name} is not a setting and is ignored${guess === undefined ? '' : `; did you mean ${guess}?`}`;
    });

/**
 * Settings of file, environment and command line, in rising strength, checked as one.
 * Rejects with {@link SettingsError} that names every problem at once.
 */
export const loadSettingsFrom = async (options: LoadOptions): Promise<LoadedSettings> => {
  const path = options.settingsPath ?? options.env['DROVER_CONFIG'];
  const read = readYamlFile(path ?? defaultSettingsPath, purpose, path === undefined);
  if (read !== undefined && !read.ok) throw new SettingsError(read.problems);
  const file = read?.file;
  const values: Tree = structuredClone(file?.values ?? {});
  const fromEnv = new Set<string>();
  for (const key of settingKeys) {
    const text = options.env[key.env];
    if (text === undefined || text === '') continue;
    fromEnv.add(key.path);
    put(values, key.path.split('.'), fromEnvironment(key, text));
  }
  const overrides = Object.entries(options.overrides ?? {}).filter(([, value]) => value !== undefined);
  for (const [dotted, value] of overrides) put(values, dotted.split('.'), value);
  const originOf = originFinder(file, fromEnv, new Set(overrides.map(([dotted]) => dotted)));

  const parsed = await SettingsSchema.safeParseAsync(values);
  if (!parsed.success)
    throw new SettingsError(
      parsed.error.issues.flatMap((issue) => issueProblems(issue, { keys: settingKeys, noun: 'a setting', originOf })),
    );
  const dataDir = parsed.data.dataDir ?? defaultDataDir(options);
  const settings: Settings = {
    ...parsed.data,
    dataDir,
    helpers: { cacheDir: parsed.data.helpers.cacheDir ?? join(dataDir, 'helpers') },
    nfs: { ...parsed.data.nfs, folder: parsed.data.nfs.folder ?? join(dataDir, 'nfs') },
    builds: { ...parsed.data.builds, cacheDir: parsed.data.builds.cacheDir ?? join(dataDir, 'build-cache') },
  };
  const problems = crossChecks(settings, originOf);
  if (problems.length > 0) throw new SettingsError(problems);
  return {
    settings,
    settingsPath: file?.path,
    origins: originsOf(values, originOf),
    warnings: unknownVariables(options.env),
  };
};
