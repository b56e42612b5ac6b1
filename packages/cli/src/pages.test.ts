import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorRemedies } from '@drover/contract';
import { commonOptions, optionsOf, type CommandSpec } from './command.js';
import { commands, groups } from './commands/index.js';
import { createProgram } from './program.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const pages = [
  'README.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name))
    .sort(),
];

/** Words as a shell makes them, up to where the command ends. */
const wordsOf = (line: string): string[] => {
  const words: string[] = [];
  for (const [word] of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
    if (/^([|<>&;#]|2>)/.test(word)) break;
    words.push(word.replace(/[;)]$/, '').replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
    if (/[;)]$/.test(word)) break;
  }
  return words;
};

/** Where a command begins in a line of a shell: alone, behind sudo, or in a loop or a substitution. */
const begin = /(?:^\s*(?:sudo )?(?:[A-Z_]+=\S+ )*|\bdo |\$\()(?:\.\/)?drover (?=[a-z-])/;

/** Whole command lines: those of blocks. */
const linesIn = (page: string): string[] =>
  [...page.matchAll(/^ *```[^\n]*\n([\s\S]*?)^ *```$/gm)]
    .flatMap(([, block = '']) => block.replaceAll(/\\\n/g, ' ').split('\n'))
    .flatMap((line) => line.split(begin).slice(1));

/** What the text says between backticks, which may leave out what a command needs. */
const mentionsIn = (page: string): string[] =>
  [...page.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '').matchAll(/`(?:\.\/)?drover ([a-z-][^`]*)`/g)].map(
    ([, words = '']) => words,
  );

/** What is wrong with a command line; empty for one that would be carried out. */
const faultOf = (words: readonly string[]): string => {
  let text = '';
  let isAsked = false;
  const write = (more: string): void => void (text += more);
  try {
    createProgram('1.0.0', { out: write, err: write }, () => (isAsked = true)).parse(words, { from: 'user' });
  } catch {
    return isAsked || words.includes('--help') ? '' : text;
  }
  return isAsked ? '' : text;
};

const nameOf = ({ usage }: CommandSpec): string => usage.split(' ')[0] ?? '';
const flagsOf = (specs: readonly CommandSpec[]): string[] =>
  [...specs.flatMap(optionsOf), ...commonOptions].flatMap(([flags]) => flags.match(/--[a-z-]+/g) ?? []);

/** Commands that words name, as `card image|write` does; none where one of them does not exist. */
const named = ([first = '', second = '']: readonly string[]): readonly CommandSpec[] => {
  const group = groups.find(({ name }) => name === first);
  const found = (specs: readonly CommandSpec[], names: string): CommandSpec[] => {
    const each = names.split('|').map((name) => specs.find((spec) => nameOf(spec) === name));
    return each.includes(undefined) ? [] : each.filter((spec) => spec !== undefined);
  };
  if (group === undefined) return found(commands, first);
  return /^[a-z]/.test(second) ? found(group.commands, second) : group.commands;
};

/** What is named and does not exist; empty for what does. */
const unknownIn = (words: readonly string[]): string => {
  const specs = named(words);
  if (specs.length === 0 && words[0] !== '--help') return `no such command: ${words.slice(0, 2).join(' ')}`;
  const flags = [...flagsOf(specs), '--help'];
  return words
    .flatMap((word) => word.match(/^--[a-z-]+/g) ?? [])
    .filter((flag) => !flags.includes(flag))
    .map((flag) => `no such option: ${flag}`)
    .join(', ');
};

describe.each(pages)('%s', (name) => {
  const page = readFileSync(join(root, name), 'utf8');

  it('has command lines that can be carried out', () => {
    const faults = linesIn(page).map((line) => `${line}: ${faultOf(wordsOf(line))}`);
    expect(faults.filter((fault) => !fault.endsWith(': '))).toEqual([]);
  });

  it('mentions commands and options that exist', () => {
    const faults = mentionsIn(page).map((words) => `${words}: ${unknownIn(wordsOf(words))}`);
    expect(faults.filter((fault) => !fault.endsWith(': '))).toEqual([]);
  });
});

it('remedies of errors name commands and options that exist', () => {
  const named = Object.values(errorRemedies).flatMap((remedy) => remedy.match(/drover (?:--?)?[a-z][a-z -]*/g) ?? []);
  expect(named.length).toBeGreaterThan(30);
  const faults = named.map((text) => `${text}: ${unknownIn(wordsOf(text.replace('drover ', '').trim()))}`);
  expect(faults.filter((fault) => !fault.endsWith(': '))).toEqual([]);
});

describe('these checks', () => {
  const block = (line: string): string => ['```', line, '```', ''].join('\n');

  it('find the commands of a page', () => {
    expect(linesIn(block('sudo drover card write /dev/sdb \\\n  --yes   # a card'))).toHaveLength(1);
    expect(linesIn(block('while read -r b; do drover release "$b"; done')).map(wordsOf)).toEqual([['release', '$b']]);
    expect(linesIn(block('drover: an error'))).toEqual([]);
    expect(mentionsIn('Say `drover job retry` and `./drover serve`.')).toEqual(['job retry', 'serve']);
    expect(pages.flatMap((name) => linesIn(readFileSync(join(root, name), 'utf8'))).length).toBeGreaterThan(40);
  });

  it.each([
    'provision raspios:2026 --device x',
    'provision --immage raspios:2026 --any',
    'device adop x',
    'device adopt',
    'image list --json --no-such',
  ])('refuse %s', (line) => {
    expect(faultOf(wordsOf(line))).not.toBe('');
  });

  it.each(['devices list', 'device lst', 'device list --labl a', 'card image|wirte'])('do not know %s', (line) => {
    expect(unknownIn(wordsOf(line))).not.toBe('');
  });

  it.each(['device list | head', 'config set x --set \'a["b c"]=1\' > f', 'serve; echo', 'serve --help'])(
    'take %s',
    (line) => {
      expect(faultOf(wordsOf(line))).toBe('');
    },
  );
});
