import { readFile } from 'node:fs/promises';
import { parsePath, type BootDocument, type JsonPath } from '@drover/contract';
import { flagOption, listOption, textOption, UsageError, type OptionValues } from '../command.js';

/** A document on its way: checked as a whole by the server. */
type Draft = Record<string, unknown>;

const isObject = (value: unknown): value is Draft =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Sets the member at a path, making the objects on the way; `value` undefined takes it away. */
const put = (draft: Draft, path: JsonPath, value: unknown): void => {
  const [step, ...rest] = path;
  if (typeof step !== 'string' || step === '__proto__')
    throw new UsageError(`${String(step)} is no name of a member`, 'Lists are set as a whole: --set path=[1,2].');
  if (rest.length > 0) {
    const below = Object.hasOwn(draft, step) ? draft[step] : undefined;
    if (value === undefined && !isObject(below)) return;
    const next = isObject(below) ? below : {};
    draft[step] = next;
    put(next, rest, value);
  } else if (value === undefined) delete draft[step];
  else draft[step] = value;
};

const pathOf = (text: string): JsonPath => {
  const path = parsePath(text);
  if (path !== undefined) return path;
  throw new UsageError(`${text} is no path`, 'Write it like config.ssh.pi, or config["odd name"].');
};

/** JSON where it is JSON, text otherwise: `90`, `true`, `[1,2]`, `hello`. */
const valueOf = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};

/** Empties a value, in the words of CattlePi's script. */
const wipe = 'WIPE';

const base64Of = async (option: string, file: string): Promise<string> => {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      `${option} ${file} cannot be read (${error.code ?? error.message})`,
      'Name a file that this user may read.',
    );
  });
  return bytes.toString('base64');
};

/** Options that name a file, and where its content goes. */
const files = [
  ['bootcode', '--bootcode', ['bootcode']],
  ['usercode', '--usercode', ['usercode']],
  ['sdlayout', '--sdlayout', ['config', 'sdlayout']],
  ['wpaSupplicant', '--wpa-supplicant', ['config', 'wpa_supplicant']],
] as const;

const putFiles = async (draft: Draft, options: OptionValues): Promise<void> => {
  for (const [name, option, path] of files) {
    const file = textOption(options, name);
    if (file !== undefined) put(draft, path, file === wipe ? undefined : await base64Of(option, file));
  }
};

const putAutoupdate = (draft: Draft, options: OptionValues): void => {
  const wanted = textOption(options, 'autoupdate');
  if (wanted === undefined) return;
  if (wanted !== 'on' && wanted !== 'off')
    throw new UsageError(`--autoupdate ${wanted} is neither on nor off`, 'Write --autoupdate on.');
  put(draft, ['config', 'autoupdate'], wanted === 'on');
};

const keyLine = /^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}( .*)?$/;

const keysIn = async (text: string): Promise<string[]> => {
  if (keyLine.test(text)) return [text];
  const content = await readFile(text, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      `--ssh-key ${text} is neither a public key nor a file that can be read (${error.code ?? error.message})`,
      'Give the line of an .pub file, or the path of one.',
    );
  });
  const lines = content.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '' && !line.startsWith('#'));
  const odd = keys.find((line) => !keyLine.test(line));
  if (keys.length === 0 || odd !== undefined)
    throw new UsageError(`--ssh-key ${text} holds what is no public key`, 'Name the .pub file, not the private one.');
  return keys;
};

const putKeys = async (draft: Draft, options: OptionValues): Promise<void> => {
  const given = await Promise.all(listOption(options, 'sshKey').map(keysIn));
  if (given.length === 0) return;
  const { config } = draft;
  const { ssh } = isObject(config) ? config : {};
  const { pi } = isObject(ssh) ? ssh : {};
  const { authorized_keys: known } = isObject(pi) ? pi : {};
  const all = [...(Array.isArray(known) ? (known as unknown[]) : []), ...given.flat()];
  put(draft, ['config', 'ssh', 'pi', 'authorized_keys'], [...new Set(all)]);
};

/** Files of a build as `info.sh` names them. */
export interface Package {
  readonly initfs: { readonly url: string; readonly md5sum: string; readonly sha256?: string };
  readonly rootfs: { readonly url: string; readonly md5sum: string; readonly sha256?: string };
}

/** Reads an `info.sh`, of Drover or CattlePi, that came from `address`. Nothing of it is run. */
export const packageIn = (text: string, address: string): Package => {
  const values = new Map(
    [...text.matchAll(/^\s*(?:export )?([A-Z0-9]+)=(["']?)([^"'\n]*)\2\s*$/gm)].map(([, name, , value]) => [
      name,
      value,
    ]),
  );
  const file = (name: string) => {
    const [place, md5sum, sha256] = [values.get(name), values.get(`${name}MD5`), values.get(`${name}SHA256`)];
    if (place === undefined || md5sum === undefined || !URL.canParse(place, address))
      throw new UsageError(`${address} names no ${name} with its md5`, 'Give the address of the info.sh of a build.');
    return { url: new URL(place, address).href, md5sum, ...(sha256 === undefined ? {} : { sha256 }) };
  };
  return { initfs: file('INITFS'), rootfs: file('ROOTFS') };
};

const putImage = (draft: Draft, options: OptionValues, found: Package | undefined): void => {
  const image = textOption(options, 'image');
  const named = (['initfs', 'rootfs'] as const).filter((name) => textOption(options, name) !== undefined);
  const ways = [image !== undefined, found !== undefined, named.length > 0].filter(Boolean).length;
  if (ways > 1)
    throw new UsageError(
      'An image is named in more than one way',
      'Use one of --image, --package, --initfs and --rootfs.',
    );
  if (image !== undefined) {
    Object.assign(draft, { image });
    delete draft['initfs'];
    delete draft['rootfs'];
  }
  if (found !== undefined) {
    delete draft['image'];
    Object.assign(draft, found);
  }
  for (const name of named) putFile(draft, name, options);
};

const putFile = (draft: Draft, name: 'initfs' | 'rootfs', options: OptionValues): void => {
  const md5sum = textOption(options, `${name}Md5`);
  if (md5sum === undefined)
    throw new UsageError(`--${name} needs --${name}-md5`, 'Cards check what they fetch: md5sum FILE tells it.');
  draft[name] = { url: textOption(options, name), md5sum };
};

/** A document changed as options ask; what they do not name stays. `found`: what --package led to. */
export const changed = async (
  before: BootDocument,
  options: OptionValues,
  found: Package | undefined,
): Promise<BootDocument> => {
  if (flagOption(options, 'replace') && flagOption(options, 'incremental'))
    throw new UsageError('--replace and --incremental cannot be meant at once', 'Leave one of them out.');
  const draft: Draft = flagOption(options, 'replace') ? {} : structuredClone<Draft>(before);
  putImage(draft, options, found);
  await putFiles(draft, options);
  putAutoupdate(draft, options);
  await putKeys(draft, options);
  for (const text of listOption(options, 'set')) {
    const [, path = '', value = ''] = /^((?:"(?:[^"\\]|\\.)*"|[^="])+)=(.*)$/s.exec(text) ?? [];
    if (path === '')
      throw new UsageError(`--set ${text} is no path=value`, 'Write it like --set config.autoupdate=true.');
    put(draft, pathOf(path), valueOf(value));
  }
  for (const text of listOption(options, 'unset')) put(draft, pathOf(text), undefined);
  return draft;
};
