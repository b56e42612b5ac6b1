import { commonOptions, optionsOf, type CommandSpec, type CommandTable } from '../command.js';
import { exitCodes, files, variables, visible } from './pages.js';

const cell = (text: string): string => text.replaceAll('|', '\\|');

const table = (titles: readonly [string, string], rows: readonly (readonly [string, string])[]): string =>
  rows.length === 0
    ? ''
    : [
        `| ${titles[0]} | ${titles[1]} |`,
        '| --- | --- |',
        ...rows.map(([name, meaning]) => `| \`${cell(name)}\` | ${cell(meaning)} |`),
        '',
      ].join('\n');

const commandPart = (prefix: string, level: string, spec: CommandSpec): string => {
  const own = optionsOf(spec).filter((option) => !commonOptions.some(([flags]) => flags === option[0]));
  return [
    `${level} ${prefix} ${spec.usage.split(' ')[0] ?? ''}`,
    '',
    `\`${prefix} ${spec.usage}\``,
    '',
    `${spec.summary}.`,
    '',
    table(
      ['option', 'meaning'],
      own.map(([flags, meaning]) => [
        flags.replace('...', ''),
        `${meaning}${flags.includes('...') ? ' (may be repeated)' : ''}`,
      ]),
    ),
    '```sh',
    ...spec.examples,
    '```',
    '',
  ].join('\n');
};

/** docs/reference/cli.md, before prettier lays it out. */
export const cliReference = ({ commands, groups }: CommandTable): string =>
  [
    '# Command line',
    '',
    '<!-- Made from packages/cli/src/commands: change it there, then run `npm run generate`. -->',
    '',
    'The same as manual pages: `man drover`, `man drover-device`, ... ([docs/man](../man)).',
    '',
    'Lists and single things can be watched (`--watch`): on a terminal the picture is drawn anew as things change; elsewhere lines that are new or changed are appended, and with `--json` the whole',
    'is one line of JSON each time. On what is no terminal rows are lines with tabs between their columns, without titles.',
    '',
    '## Options of every command',
    '',
    table(['option', 'meaning'], commonOptions),
    '## Environment',
    '',
    table(['variable', 'meaning'], variables),
    '## Files',
    '',
    table(['file', 'meaning'], files),
    '## Exit codes',
    '',
    table(['code', 'meaning'], exitCodes),
    '## Commands of one word',
    '',
    ...visible(commands).map((spec) => commandPart('drover', '###', spec)),
    ...groups.flatMap((group) => [
      `## drover ${group.name}`,
      '',
      `${group.summary[0]?.toUpperCase() ?? ''}${group.summary.slice(1)}.`,
      '',
      ...visible(group.commands).map((spec) => commandPart(`drover ${group.name}`, '###', spec)),
    ]),
  ].join('\n');
