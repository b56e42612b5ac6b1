import { Command, CommanderError, type Help } from 'commander';
import { optionsOf, type Action, type CommandSpec, type OptionValues } from './command.js';
import { commands, groups } from './commands/index.js';

export interface Invocation {
  readonly load: () => Promise<Action>;
  readonly args: readonly string[];
  readonly options: OptionValues;
}

export const exampleText = (examples: readonly string[]): string =>
  `\nExample${examples.length > 1 ? 's' : ''}:\n${examples.map((line) => `  ${line}\n`).join('')}`;

const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

const addOptions = (command: Command, options: CommandSpec['options'] = []): void => {
  for (const [flags, description] of options) {
    if (flags.includes('...')) command.option(flags.replace('...', ''), description, collect);
    else command.option(flags, description);
  }
};

/** The work of a command, which goes on with `--watch` where that makes sense. */
const loadOf = ({ load, live }: CommandSpec): CommandSpec['load'] =>
  live === undefined
    ? load
    : async () => {
        const [{ liveAction }, action] = await Promise.all([import('./live.js'), load()]);
        return liveAction(action, live);
      };

const addCommand = (parent: Command, spec: CommandSpec, invoke: (invocation: Invocation) => void): void => {
  const command = parent
    .command(spec.usage, { hidden: spec.hidden === true })
    .summary(spec.summary)
    .description(spec.summary);
  addOptions(command, optionsOf(spec));
  command.addHelpText('after', exampleText(spec.examples));
  command.showHelpAfterError(`Try: ${spec.examples[0] ?? ''}`);
  command.action((...given: unknown[]) => {
    const args = given
      .slice(0, -2)
      .flat()
      .filter((item): item is string => typeof item === 'string');
    invoke({ load: loadOf(spec), args, options: command.opts() });
  });
};

const formatHelp = {
  sortSubcommands: false,
  subcommandTerm: (command: Command) => command.name(),
} satisfies Partial<Help>;

export interface ProgramOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** The whole command line. `invoke` is called once with what was asked for; help, version and mistakes throw CommanderError. */
export const createProgram = (
  version: string,
  output: ProgramOutput,
  invoke: (invocation: Invocation) => void,
): Command => {
  const program = new Command('drover')
    .description('Raspberry Pis as cattle: network boot, images and boards behind one API')
    .version(version)
    .exitOverride()
    .configureHelp(formatHelp)
    .showHelpAfterError('Try: drover --help')
    .configureOutput({ writeOut: output.out, writeErr: output.err })
    .addHelpText('after', exampleText(['drover serve', 'drover device list --state discovered', 'drover boot watch']));
  for (const spec of commands) addCommand(program, spec, invoke);
  for (const group of groups) {
    const parent = program.command(group.name).summary(group.summary).description(group.summary);
    parent.addHelpText(
      'after',
      exampleText(group.commands.flatMap(({ examples }) => examples.slice(0, 1)).slice(0, 4)),
    );
    parent.showHelpAfterError(`Try: drover ${group.name} --help`);
    for (const spec of group.commands) addCommand(parent, spec, invoke);
  }
  return program;
};

export { CommanderError };
