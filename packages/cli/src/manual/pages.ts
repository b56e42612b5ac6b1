import { commonOptions, optionsOf, type CommandSpec, type CommandTable, type GroupSpec } from '../command.js';
import { item, roffText, section, subsection, title, verbatim } from './roff.js';

export const summaryOfAll = 'Raspberry Pis as cattle: network boot, images and boards behind one API';

/** Exit codes, as contract's table of errors has them. */
export const exitCodes: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'It is done.'],
  ['1', 'A fault: of the server, of this program or of the machine.'],
  ['2', 'The command line or the request is not valid.'],
  ['3', 'There is no such thing.'],
  ['4', 'Refused: its state does not allow it, or something is in the way. Of a boot: it failed.'],
  ['5', 'The key is missing or may not do that.'],
  ['6', 'The server cannot be reached, or is busy.'],
  ['130', 'Interrupted.'],
];

export const variables: readonly (readonly [name: string, meaning: string])[] = [
  ['DROVER_SERVER', 'Server to talk to.'],
  ['DROVER_KEY', 'API key.'],
  ['DROVER_CONTEXT', 'Stored server and key to use.'],
  ['NO_COLOR', 'Any value turns colours off.'],
  ['TERM', 'dumb: no colours, and everything as plain lines.'],
  ['VISUAL, EDITOR', 'What `drover config edit` opens.'],
];

export const files: readonly (readonly [path: string, meaning: string])[] = [
  ['~/.config/drover/cli.yaml', 'Contexts: servers and their keys.'],
  ['~/.local/state/drover/', 'Uploads under way, and what the last builds said.'],
  ['~/.cache/drover/builds/', 'What builds keep.'],
  ['/etc/drover/drover.yaml', 'Settings of the server.'],
];

/** When these pages last changed in form; what is in them changes with the version. */
const date = '2026-11-30';

export const visible = (specs: readonly CommandSpec[]): readonly CommandSpec[] =>
  specs.filter(({ hidden }) => hidden !== true);

const optionItems = (options: readonly (readonly [flags: string, description: string])[]): string =>
  options.map(([flags, description]) => item(flags.replace('...', ''), `${description}.${repeats(flags)}`)).join('');

const repeats = (flags: string): string => (flags.includes('...') ? ' May be repeated.' : '');

const own = (spec: CommandSpec): readonly (readonly [string, string])[] =>
  optionsOf(spec).filter((option) => !commonOptions.some(([flags]) => flags === option[0]));

const commandPart = (prefix: string, spec: CommandSpec): string =>
  [
    subsection(`${prefix} ${spec.usage}`),
    `${roffText(`${spec.summary}.`)}\n`,
    optionItems(own(spec)),
    verbatim(spec.examples),
  ].join('');

const commonParts = (): string =>
  [
    section('OPTIONS OF EVERY COMMAND'),
    optionItems(commonOptions),
    section('ENVIRONMENT'),
    variables.map(([name, meaning]) => item(name, meaning)).join(''),
    section('FILES'),
    files.map(([path, meaning]) => item(path, meaning)).join(''),
    section('EXIT STATUS'),
    exitCodes.map(([code, meaning]) => item(code, meaning)).join(''),
  ].join('');

const pageName = ({ name }: GroupSpec): string => `drover-${name}`;

const seeAlso = (names: readonly string[]): string =>
  `${section('SEE ALSO')}${names.map((name, i) => `.BR ${roffText(name)} (1)${i === names.length - 1 ? '' : ' ,'}\n`).join('')}`;

const mainPage = ({ commands, groups }: CommandTable, version: string): string =>
  [
    title('drover', 1, date, version),
    section('NAME'),
    `drover \\- ${roffText(summaryOfAll)}\n`,
    section('SYNOPSIS'),
    '.B drover\n.I command\n.RI [ options ]\n',
    section('DESCRIPTION'),
    `${roffText(
      'Talks to a server of Drover, or is one (drover serve). On a terminal lists have titles and progress is shown on one line; elsewhere rows are lines with tabs between their columns, and with --json everything is JSON.',
    )}\n`,
    section('COMMANDS'),
    visible(commands)
      .map((spec) => commandPart('drover', spec))
      .join(''),
    section('GROUPS OF COMMANDS'),
    groups.map((group) => item(`drover ${group.name}`, `${group.summary}: see ${pageName(group)}(1).`)).join(''),
    commonParts(),
    seeAlso(groups.map(pageName)),
  ].join('');

const groupPage = (group: GroupSpec, version: string): string =>
  [
    title(pageName(group), 1, date, version),
    section('NAME'),
    `${roffText(pageName(group))} \\- ${roffText(group.summary)}\n`,
    section('SYNOPSIS'),
    visible(group.commands)
      .map(({ usage }, i) => `${i === 0 ? '' : '.br\n'}.B ${roffText(`drover ${group.name} ${usage}`)}\n`)
      .join(''),
    section('COMMANDS'),
    visible(group.commands)
      .map((spec) => commandPart(`drover ${group.name}`, spec))
      .join(''),
    commonParts(),
    seeAlso(['drover']),
  ].join('');

/** Manual pages by file name: `drover.1`, and one for each group. */
export const manualPages = (table: CommandTable, version: string): ReadonlyMap<string, string> =>
  new Map([
    ['drover.1', mainPage(table, version)],
    ...table.groups.map((group): [string, string] => [`${pageName(group)}.1`, groupPage(group, version)]),
  ]);
