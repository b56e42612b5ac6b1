import { optionsOf, UsageError, type Action, type CommandSpec, type CommandTable } from '../command.js';
import { isCompleted } from './complete.js';

const wordOf = ({ usage }: CommandSpec): string => usage.split(' ')[0] ?? usage;

const shells = ['bash', 'zsh', 'fish'] as const;

/** What stands at a place of the command line: names of the server, one of some words, or a file. */
const kindOf = (placeholder: string | undefined): string => {
  const name = /[<[]([a-z]+)/.exec(placeholder ?? '')?.[1] ?? '';
  return isCompleted(name) ? name : 'file';
};

const flagsOf = (spec: CommandSpec): string[] =>
  optionsOf(spec)
    .map(([flags]) => flags.split(' ')[0] ?? flags)
    .concat('--help');

/** One command: its words, its options, and what each argument is. */
interface Follower {
  readonly path: string;
  readonly words: readonly string[];
  readonly kinds: readonly string[];
}

const followerOf = (path: string, spec: CommandSpec): Follower => ({
  path,
  words: flagsOf(spec),
  kinds: spec.usage.split(' ').slice(1).map(kindOf),
});

const visible = (specs: readonly CommandSpec[]): CommandSpec[] => specs.filter(({ hidden }) => hidden !== true);

/** What may follow each command: `device list` to its options. */
const followers = ({ commands, groups }: CommandTable): Follower[] => [
  {
    path: '',
    words: [...visible(commands).map(wordOf), ...groups.map((group) => group.name), '--help', '--version'],
    kinds: ['word'],
  },
  ...groups.map((group) => ({ path: group.name, words: visible(group.commands).map(wordOf), kinds: ['word'] })),
  ...visible(commands).map((spec) => followerOf(wordOf(spec), spec)),
  ...groups.flatMap((group) =>
    visible(group.commands).map((spec) => followerOf(`${group.name} ${wordOf(spec)}`, spec)),
  ),
];

/** Options that take a value, with what that is. A name that means a file somewhere and a name of the server elsewhere offers the names. */
const valuedOptions = ({ commands, groups }: CommandTable): ReadonlyMap<string, string> => {
  const kinds = new Map<string, string>();
  for (const [flags] of [...commands, ...groups.flatMap((group) => group.commands)].flatMap(optionsOf)) {
    if (!flags.includes('<')) continue;
    const name = flags.split(' ')[0] ?? '';
    if (!kinds.has(name) || kindOf(flags) !== 'file') kinds.set(name, kindOf(flags));
  }
  return kinds;
};

const cases = (table: CommandTable): string =>
  followers(table)
    .map(({ path, words, kinds }) => `    '${path}') words='${words.join(' ')}' kinds='${kinds.join(' ')}' ;;`)
    .join('\n');

const valuedCases = (table: CommandTable): string => {
  const options = [...valuedOptions(table)];
  return [...new Set(options.map(([, kind]) => kind))]
    .map((kind) => {
      const names = options.filter((option) => option[1] === kind).map(([name]) => name);
      return `    ${names.join('|')}) echo ${kind} ;;`;
    })
    .join('\n');
};

/** The first two words that are no options name the command; those after them are its arguments. */
const bash = (
  table: CommandTable,
): string => `# drover completion for bash: source it, or put it into /etc/bash_completion.d/drover
_drover_value_of() {
  case $1 in
${valuedCases(table)}
  esac
}
_drover() {
  local path='' words='' kinds='' kind='' before='' place=0 word current i
  local -a typed
  typed=()
  # bash cuts words at colons; zsh does not.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [ -z "\${ZSH_VERSION-}" ] && [ \${#typed[@]} -gt 0 ] && [[ $word == : || \${typed[\${#typed[@]} - 1]} == *: ]]; then
      typed[\${#typed[@]} - 1]+=$word
    else
      typed+=("$word")
    fi
  done
  current=\${typed[\${#typed[@]} - 1]}
  for ((i = 0; i < \${#typed[@]} - 1; i++)); do
    word=\${typed[i]}
    if [ -n "$before" ]; then before=''; continue; fi
    case $word in
      --*=*) continue ;;
      -*) before=$(_drover_value_of "$word"); continue ;;
    esac
    case " ${table.groups.map((group) => group.name).join(' ')} " in
      *" $path "*) path="$path $word" ;;
      *) if [ -z "$path" ]; then path=$word; else place=$((place + 1)); fi ;;
    esac
  done
  case $path in
${cases(table)}
  esac
  if [ -n "$before" ]; then
    kind=$before
  else
    i=0
    for word in $(echo $kinds); do
      if [ "$i" -eq "$place" ]; then kind=$word; fi
      i=$((i + 1))
    done
    case $current in -*) kind=word ;; esac
  fi
  case $kind in
    word) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    file) COMPREPLY=($(compgen -f -- "$current")) ;;
    '') COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" complete "$kind" 2>/dev/null)" -- "$current")) ;;
  esac
  if [ -z "\${ZSH_VERSION-}" ] && [[ $current == *:* ]]; then
    for ((i = 0; i < \${#COMPREPLY[@]}; i++)); do COMPREPLY[i]=\${COMPREPLY[i]#"\${current%"\${current##*:}"}"}; done
  fi
}
complete -o filenames -F _drover drover
`;

const zsh = (table: CommandTable): string => `#compdef drover
# drover completion for zsh: put it into a folder of $fpath as _drover
autoload -U +X bashcompinit && bashcompinit
${bash(table)}`;

const quoted = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;

const fishNames = (kind: string): string => (kind === 'file' ? '' : ` -f -a "(drover complete ${kind} 2>/dev/null)"`);

const fishOptions = (condition: string, spec: CommandSpec): string[] => {
  const options = optionsOf(spec).map(([flags, description]) => {
    const takesValue = /[<[]/.test(flags);
    const name = (flags.split(' ')[0] ?? '').replace(/^--/, '');
    const value = takesValue ? ` -r${fishNames(kindOf(flags))}` : '';
    return `complete -c drover -n "${condition}" -l ${name}${value} -d ${quoted(description)}`;
  });
  const names = new Set(spec.usage.split(' ').slice(1).map(kindOf));
  return [
    ...options,
    ...[...names]
      .filter((kind) => kind !== 'file')
      .map((kind) => `complete -c drover -n "${condition}"${fishNames(kind)}`),
  ];
};

const fish = ({ commands, groups }: CommandTable): string => {
  const top = [
    ...visible(commands).map((spec) => [wordOf(spec), spec.summary] as const),
    ...groups.map((group) => [group.name, group.summary] as const),
  ].map(([word, summary]) => `complete -c drover -f -n __fish_use_subcommand -a ${word} -d ${quoted(summary)}`);
  const below = groups.flatMap((group) => {
    const words = group.commands.map(wordOf).join(' ');
    const unsaid = `__fish_seen_subcommand_from ${group.name}; and not __fish_seen_subcommand_from ${words}`;
    return visible(group.commands).flatMap((spec) => [
      `complete -c drover -f -n "${unsaid}" -a ${wordOf(spec)} -d ${quoted(spec.summary)}`,
      ...fishOptions(
        `__fish_seen_subcommand_from ${group.name}; and __fish_seen_subcommand_from ${wordOf(spec)}`,
        spec,
      ),
    ]);
  });
  const single = visible(commands).flatMap((spec) => fishOptions(`__fish_seen_subcommand_from ${wordOf(spec)}`, spec));
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
