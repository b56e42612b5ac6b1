import { kernelParameters, type RootMode } from '@drover/contract';
import type { PlannedDevice, SessionIdentity } from './boot-plan.js';

/** Parameters that name a root Drover replaces, or start what would repartition a card. Matched with `=` or as a whole word. */
const dropped = new Set([
  'root',
  'rootfstype',
  'rootflags',
  'rootwait',
  'rootdelay',
  'ro',
  'rw',
  'init',
  'rdinit',
  'initrd',
  'noinitrd',
  'resume',
  'resume_offset',
  'noresume',
  'ip',
  'nfsroot',
  'nfsrootdebug',
  'nbdroot',
  'overlayroot',
  'resize',
]);

/** Words with a value are dropped only where the value is meant: raspi-imager and cloud images run their first boot through these. */
const droppedWith: readonly RegExp[] = [
  /^systemd\.run(_[a-z_]+)?(=|$)/,
  /^systemd\.unit=kernel-command-line\.target$/,
  /^systemd\.(firstboot|wants=firstboot)/,
  /^(boot|cryptopts)=/,
  /^drover\./,
];

/** A parameter may hold blanks in double quotes (the kernel's own rule, Documentation/admin-guide/kernel-parameters). */
const words = (line: string): string[] => line.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];

const isDropped = (word: string): boolean =>
  dropped.has(/^[^=]*/.exec(word)![0]) || droppedWith.some((form) => form.test(word));

/** The image's own line without what would look for a root of its own; `rest` is what comes after `--` and belongs to init. */
function keep(line: string): { parameters: string[]; rest: string[] } {
  const all = words(line).filter((word) => !/[^\x20-\x7e]/.test(word));
  const end = all.indexOf('--');
  const parameters = end < 0 ? all : all.slice(0, end);
  return { parameters: parameters.filter((word) => !isDropped(word)), rest: end < 0 ? [] : all.slice(end) };
}

/** The firmware reads the first line only. */
const firstLine = (text: string): string => /^[^\r\n]*/.exec(text)![0];

/** What remains for a kernel that starts from a card and asks what to boot: the image's own line without a root, and what is `added`. */
export function cardCmdline(text: string, added: readonly string[] = []): string {
  const { parameters, rest } = keep(firstLine(text));
  return [...parameters, ...added, ...rest].join(' ');
}

/**
 * Images made for Bakery hold a template of Go's text/template, with the three values that Bakery knew. What they say of a root is dropped like any image's; what else names
 * them has them.
 */
function filledIn(
  line: string,
  { bootPrefix }: Partial<Pick<PlannedDevice, 'bootPrefix'>>,
  { serverUrl, nfsRoot }: SessionIdentity,
): string {
  const values: Readonly<Record<string, string>> = {
    NfsServer: new URL(serverUrl).hostname,
    NfsRoot: nfsRoot ?? '',
    PiId: bootPrefix ?? '',
  };
  return line.replace(/\{\{-?\s*\.([A-Za-z]+)\s*-?\}\}/g, (action, name: string) => values[name] ?? action);
}

/**
 * The command line of one boot: what the image asks for (consoles above all), what our initramfs needs, what the assignment adds. One line of printable
 * ASCII, without its end.
 */
export function renderCmdline(
  text: string,
  plan: { readonly rootMode: RootMode; readonly kernelParameters: string },
  device: Pick<PlannedDevice, 'hostname'> & Partial<Pick<PlannedDevice, 'bootPrefix'>>,
  session: SessionIdentity,
): string {
  const { parameters, rest } = keep(filledIn(firstLine(text), device, session));
  const ours = [
    `${kernelParameters.url}=${session.serverUrl}`,
    `${kernelParameters.session}=${session.id}`,
    `${kernelParameters.secret}=${session.secret}`,
    `${kernelParameters.mode}=${plan.rootMode}`,
    `${kernelParameters.hostname}=${device.hostname}`,
    ...(session.logPort === undefined ? [] : [`${kernelParameters.logPort}=${session.logPort}`]),
  ];
  const added = words(plan.kernelParameters).filter((word) => !/[^\x20-\x7e]/.test(word) && word !== '--');
  return [...parameters, ...ours, ...added, ...rest].join(' ');
}
