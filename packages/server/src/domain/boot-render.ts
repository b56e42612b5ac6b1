import type { Model } from '@drover/contract';
import { cardCmdline, renderCmdline } from './boot-cmdline.js';
import { configFiles, parseConfig, possibleValues, type ConfigLine, type ConfigReader } from './boot-config.js';
import {
  filterModels,
  initramfsImages,
  isKnownBoard,
  osPrefixes,
  possibleKernels,
  readerOf,
  type ConfigFiles,
  type InitramfsImage,
} from './boot-kernels.js';
import type { BootPlan, BootTree, FileSource, PlannedDevice, Segment, SessionIdentity } from './boot-plan.js';
import { scriptsFor } from './boot-scripts.js';
import { textOf } from './boot-tree.js';

/** The rendered files of one session. Paths are lower case, as FAT compares them. */
export interface Overlay {
  readonly files: ReadonlyMap<string, FileSource>;
  /** Files of the image that mean nothing on a network and are not served. */
  readonly hidden: ReadonlySet<string>;
  /** Things a person should know about the image's files. */
  readonly warnings: readonly string[];
  /** The command line as rendered, for those who start a kernel by a script. */
  readonly cmdline: string;
  /** Path of the initramfs and of the likeliest kernel; undefined where the image or the plan has none. */
  readonly initramfs: string | undefined;
  readonly kernel: string | undefined;
}

const initramfsName = 'drover.img';

/** Settings that choose an initramfs, a command line file or a RAM disk: ours are the only ones. */
const removed = new Set(['initramfs', 'ramfsfile', 'ramfsaddr', 'auto_initramfs', 'cmdline', 'boot_ramdisk']);

/** autoboot.txt chooses a partition of a card. */
const hidden = new Set(['autoboot.txt']);

export const inlineFile = (text: string): FileSource => {
  const bytes = Buffer.from(text, 'latin1');
  return { size: bytes.length, segments: [{ inline: bytes.toString('base64'), length: bytes.length }] };
};

/** cpio archives one after the other; the kernel looks for the next one at a multiple of four bytes (buffer-format.rst: zero padding). */
export function concatenate(parts: readonly { readonly blob: string; readonly size: number }[]): FileSource {
  const segments = parts.flatMap(({ blob, size }, index): Segment[] => {
    const part: Segment = { blob, offset: 0, length: size };
    const padding = index === parts.length - 1 ? 0 : -size & 3;
    return padding === 0 ? [part] : [part, { zero: true, length: padding }];
  });
  return { size: segments.reduce((sum, { length }) => sum + length, 0), segments };
}

interface Context {
  readonly tree: BootTree;
  readonly plan: Pick<BootPlan, 'initramfs'>;
  readonly device: Pick<PlannedDevice, 'model' | 'bootPrefix'>;
  readonly config: ConfigFiles;
  readonly reader: ConfigReader;
}

/** Which initramfs each board is told to load: one for all, or one for each `[filter]`. */
type Choice = readonly { readonly filter: string; readonly file: string; readonly image: InitramfsImage }[];

function chooseInitramfs({ tree, plan, device, config }: Context): Choice {
  const kernelsOf = (model: Model) => possibleKernels(tree, config, model, device.bootPrefix);
  const images = initramfsImages(plan, kernelsOf(device.model));
  const [only] = images;
  if (only === undefined) return [];
  if (images.length === 1 || isKnownBoard(device.model)) return [{ filter: 'all', file: initramfsName, image: only }];
  return filterModels.flatMap(([filter, model]) => {
    const kernels = kernelsOf(model);
    const image = kernels.length === 0 ? undefined : initramfsImages(plan, kernels)[0];
    return image === undefined ? [] : [{ filter, file: `drover-${image.architecture}.img`, image }];
  });
}

const settingsOf = (choice: Choice): string => {
  const lines = choice.map(
    ({ filter, file }) => `${filter === 'all' ? '' : `[${filter}]\n`}initramfs ${file} followkernel\n`,
  );
  return `[all]\nauto_initramfs=0\n${lines.join('')}${lines.length > 1 ? '[all]\n' : ''}`;
};

const withoutRemoved = (lines: readonly ConfigLine[]): string =>
  lines
    .filter((line) => !removed.has(line.key))
    .map((line) => line.raw)
    .join('');

const renderConfig = (lines: readonly ConfigLine[], choice: Choice): string => {
  const kept = withoutRemoved(lines);
  return `${kept}${kept === '' || kept.endsWith('\n') ? '' : '\n'}${settingsOf(choice)}`;
};

/** Image's text the command line of this prefix is made from: a `cmdline=` of config.txt names another file. */
function cmdlineText({ tree, config, reader }: Context, prefix: string): string {
  const name = possibleValues(config, 'cmdline', reader).certain ?? 'cmdline.txt';
  const candidates = [prefix + name, prefix + 'cmdline.txt', name, 'cmdline.txt'];
  return candidates.map((path) => textOf(tree, path)).find((text) => text !== undefined) ?? '';
}

/** One line for each byte that some firmware stops reading at (fault 28 of the catalogue). */
function lint(path: string, text: string): string[] {
  const at = text.search(/\P{ASCII}/u);
  if (at < 0) return [];
  const line = text.slice(0, at).split('\n').length;
  return [`${path} line ${line} has a byte that is not ASCII: some firmware ignores all settings after it`];
}

/** Longest command line an arm kernel takes (COMMAND_LINE_SIZE), less what the firmware puts in front. */
const longCmdline = 1024 - 400;

const contextOf = (tree: BootTree, plan: Context['plan'], device: Context['device']): Context => {
  const config = configFiles((path) => textOf(tree, path));
  return { tree, plan, device, config, reader: readerOf(device.model, device.bootPrefix) };
};

/** config.txt and what it includes, each command line as `cmdlineOf` makes it of the image's text, the initramfs. */
function renderFiles(context: Context, choice: Choice, cmdlineOf: (text: string) => string): Map<string, FileSource> {
  const { tree, config } = context;
  const files = new Map<string, FileSource>();
  const put = (path: string, file: FileSource) => files.set(path.toLowerCase(), file);
  put('config.txt', inlineFile(renderConfig(config.get('config.txt') ?? [], choice)));
  const tryboot = textOf(tree, 'tryboot.txt');
  if (tryboot !== undefined) put('tryboot.txt', inlineFile(renderConfig(parseConfig(tryboot), choice)));
  for (const [path, lines] of config) {
    if (path !== 'config.txt' && lines.some((line) => removed.has(line.key)))
      put(path, inlineFile(withoutRemoved(lines)));
  }
  for (const prefix of osPrefixes(config, context.reader)) {
    put(`${prefix}cmdline.txt`, inlineFile(`${cmdlineOf(cmdlineText(context, prefix))}\n`));
    for (const { file, image } of choice) put(prefix + file, concatenate(image.parts));
  }
  return files;
}

/**
 * The files that replace the image's for one session: cmdline.txt, config.txt and what it includes, the initramfs. The same arguments give the same
 * bytes, which is what lets firmware read a file several times, and a restarted boot plane go on.
 */
export function renderOverlay(
  tree: BootTree,
  plan: BootPlan,
  device: PlannedDevice,
  session: SessionIdentity,
): Overlay {
  const context = contextOf(tree, plan, device);
  const choice = chooseInitramfs(context);
  const cmdlineOf = (text: string): string => renderCmdline(text, plan, device, session);
  const files = new Map(renderFiles(context, choice, cmdlineOf));
  const cmdline = cmdlineOf(cmdlineText(context, osPrefixes(context.config, context.reader).at(-1)!));
  const kernel = possibleKernels(tree, context.config, device.model, device.bootPrefix)[0]?.file;
  const initramfs = choice[0]?.file;
  const scripts = scriptsFor(device, { kernel, initramfs, cmdline, serverUrl: session.serverUrl });
  for (const [path, text] of scripts) files.set(path.toLowerCase(), inlineFile(text));
  return { files, hidden, warnings: warningsOf(context, cmdline), cmdline, initramfs, kernel };
}

/** The files that replace the image's on a card that asks a server what to boot, whatever board it is put into. `parameters`: more for its kernel. */
export function renderCardFiles(
  tree: BootTree,
  initramfs: BootPlan['initramfs'],
  parameters: readonly string[] = [],
): Pick<Overlay, 'files' | 'hidden'> {
  const context = contextOf(tree, { initramfs }, { model: 'other', bootPrefix: null });
  const files = renderFiles(context, chooseInitramfs(context), (text) => cardCmdline(text, parameters));
  // Its own initramfs is one that nothing starts any more.
  const replaced = possibleValues(context.config, 'initramfs', context.reader).possible.map(
    (value) => /^\S*/.exec(value)![0],
  );
  return { files, hidden: new Set([...hidden, ...replaced.map((path) => path.toLowerCase())]) };
}

function warningsOf({ config, device }: Context, cmdline: string): string[] {
  const texts = [...config].flatMap(([path, lines]) => lint(path, lines.map((line) => line.raw).join('')));
  const long =
    cmdline.length > longCmdline && device.model !== 'virt'
      ? [
          `the kernel command line has ${cmdline.length} characters: 32-bit kernels cut it at 1024, the firmware's own part included`,
        ]
      : [];
  return [...texts, ...long];
}
