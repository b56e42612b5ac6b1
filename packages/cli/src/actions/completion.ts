import { commonOptions, UsageError, type Action, type CommandSpec, type CommandTable } from '../command.js';

const wordOf = ({ usage }: CommandSpec): string => usage.split(' ')[0] ?? usage;

const optionsOf = ({ options = [] }: Pick<CommandSpec, 'options'>): string[] =>
  [...options, ...commonOptions].map(([flags]) => flags.split(' ')[0] ?? flags).concat('--help');

const shells = ['bash', 'zsh', 'fish'] as const;

/** What may follow each command: `device list` to its options. */
const followers = ({ commands, groups }: CommandTable): { path: string; words: string[] }[] => [
  { path: '', words: [...commands.map(wordOf), ...groups.map((group) => group.name), '--help', '--version'] },
  ...groups.map((group) => ({ path: group.name, words: group.commands.map(wordOf) })),
  ...commands.map((spec) => ({ path: wordOf(spec), words: optionsOf(spec) })),
  ...groups.flatMap((group) =>
    group.commands.map((spec) => ({ path: `${group.name} ${wordOf(spec)}`, words: optionsOf(spec) })),
  ),
];

const cases = (table: CommandTable): string =>
  followers(table)
    .map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`)
    .join('\n');

/** The first two words that are no options name the command. */
const bash = (
  table: CommandTable,
): string => `# drover completion for bash: source it, or put it into /etc/bash_completion.d/drover
_drover() {
  local current=\${COMP_WORDS[COMP_CWORD]} path='' word words i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in -*) continue ;; esac
    case " ${table.groups.map((group) => group.name).join(' ')} " in
      *" $path "*) path="$path $word"; break ;;
      *) if [ -z "$path" ]; then path=$word; else break; fi ;;
    esac
  done
  case $path in
${cases(table)}
    *) words='' ;;
  esac
  if [ -z "$words" ]; then
    COMPREPLY=($(compgen -f -- "$current"))
  else
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
  fi
}
complete -o filenames -F _drover drover
`;

const zsh = (table: CommandTable): string => `#compdef drover
# drover completion for zsh: put it into a folder of $fpath as _drover
autoload -U +X bashcompinit && bashcompinit
${bash(table)}`;

const quoted = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;

const fishOptions = (condition: string, options: CommandSpec['options'] = []): string[] =>
  [...options, ...commonOptions].map(([flags, description]) => {
    const takesValue = /[<[]/.test(flags);
    const name = (flags.split(' ')[0] ?? '').replace(/^--/, '');
    return `complete -c drover -n "${condition}" -l ${name}${takesValue ? ' -r' : ''} -d ${quoted(description)}`;
  });

const fish = ({ commands, groups }: CommandTable): string => {
  const top = [
    ...commands.map((spec) => [wordOf(spec), spec.summary] as const),
    ...groups.map((group) => [group.name, group.summary] as const),
  ].map(([word, summary]) => `complete -c drover -f -n __fish_use_subcommand -a ${word} -d ${quoted(summary)}`);
  const below = groups.flatMap((group) => {
    const words = group.commands.map(wordOf).join(' ');
    const unsaid = `__fish_seen_subcommand_from ${group.name}; and not __fish_seen_subcommand_from ${words}`;
    return group.commands.flatMap((spec) => [
      `complete -c drover -f -n "${unsaid}" -a ${wordOf(spec)} -d ${quoted(spec.summary)}`,
      ...fishOptions(
        `__fish_seen_subcommand_from ${group.name}; and __fish_seen_subcommand_from ${wordOf(spec)}`,
        spec.options,
      ),
    ]);
  });
  const single = commands.flatMap((spec) => fishOptions(`__fish_seen_subcommand_from ${wordOf(spec)}`, spec.options));
  return ['# drover completion for fish: ~/.config/fish/completions/drover.fish', ...top, ...below, ...single, ''].join(
    '\n',
  );
};

/** The script for one shell, made from the table of commands. */
export const completionScript = (shell: string, table: CommandTable): string => {
  if (shell === 'bash') return bash(table);
  if (shell === 'zsh') return zsh(table);
  if (shell === 'fish') return fish(table);
  throw new UsageError(`There is no completion for ${shell}`, `There is one for ${shells.join(', ')}.`);
};

export const completion: Action = async (cli, [shell = '']) => {
  const script = completionScript(shell, cli.table);
  cli.io.out(cli.json ? `${JSON.stringify({ shell, script })}\n` : script);
};
