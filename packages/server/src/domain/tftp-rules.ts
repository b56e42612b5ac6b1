import { expand, hasPlaces, readTemplate, type Template } from './rule-template.js';
import { planUrl, readUrl, type UrlTemplate } from './rule-url.js';

/** Rules of TFTP: which paths are answered by a file, an HTTP server or a program instead of a board's boot files (docs/how-to/tftp-rules.md). */

/** One rule as it is written in the settings: exactly one of `file`, `url` and `program`. */
export interface RuleText {
  readonly match: string;
  readonly root?: string | undefined;
  readonly file?: string | undefined;
  readonly url?: string | undefined;
  readonly program?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly timeoutSeconds: number;
  readonly maxSize: number;
  readonly concurrency?: number | undefined;
}

export type RuleTarget =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'file-below'; readonly root: string; readonly file: Template }
  | { readonly kind: 'url'; readonly url: UrlTemplate }
  | { readonly kind: 'program'; readonly program: string; readonly args: readonly Template[] };

export interface TftpRule {
  readonly target: RuleTarget;
  readonly timeoutMs: number;
  /** Bytes. */
  readonly maxSize: number;
  /** How many of its programs run at once. */
  readonly concurrency: number;
}

/** Something wrong with a rule. `message` is a clause whose subject is the field. */
export interface RuleProblem {
  readonly field: readonly (keyof RuleText | number)[];
  readonly message: string;
}

export type RuleRead =
  { readonly ok: true; readonly rule: TftpRule } | { readonly ok: false; readonly problems: readonly RuleProblem[] };

/** What is to be done for one request. A path below `root` may lead out of it by a link: whoever opens it looks. */
export type RuleWork =
  | { readonly kind: 'file'; readonly path: string; readonly root: string | null }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'program'; readonly program: string; readonly args: readonly string[] };

export type RulePlanned =
  { readonly ok: true; readonly work: RuleWork } | { readonly ok: false; readonly reason: string };

const defaultConcurrency = 8;
const targets = ['file', 'url', 'program'] as const;

/** Reads a rule whose pattern has so many groups. */
export function readRule(text: RuleText, groups: number): RuleRead {
  const problems = [...oddities(text), ...controlCharacters(text)];
  if (problems.length > 0) return { ok: false, problems };
  const target = readTarget(text, groups);
  if ('problems' in target) return { ok: false, problems: target.problems };
  const { timeoutSeconds, maxSize, concurrency = defaultConcurrency } = text;
  return { ok: true, rule: { target, timeoutMs: timeoutSeconds * 1000, maxSize, concurrency } };
}

/** Fields that are missing, or say nothing beside the others. */
function oddities(text: RuleText): RuleProblem[] {
  const given = targets.filter((field) => text[field] !== undefined);
  const [first, second] = given;
  if (first === undefined) return [problem([], 'says no file, url or program: give one of them')];
  if (second !== undefined)
    return [problem([second], `stands beside ${first}: a rule has one of file, url and program`)];
  const lonely = (field: 'root' | 'args' | 'concurrency', owner: (typeof targets)[number]): RuleProblem[] =>
    text[field] === undefined || first === owner ? [] : [problem([field], `belongs to ${owner}, which is not here`)];
  return [
    ...(text.match.startsWith('^/')
      ? [problem(['match'], 'begins with ^/, which no path does: they are matched without a slash at the front')]
      : []),
    ...lonely('root', 'file'),
    ...lonely('args', 'program'),
    ...lonely('concurrency', 'program'),
  ];
}

const controlCharacters = ({ root, file, url, program, args = [] }: RuleText): RuleProblem[] => {
  const texts: [RuleProblem['field'], string | undefined][] = [
    [['root'], root],
    [['file'], file],
    [['url'], url],
    [['program'], program],
    ...args.map((arg, i): [RuleProblem['field'], string] => [['args', i], arg]),
  ];
  return texts.flatMap(([field, text = '']) =>
    [...text].some((each) => each < ' ' || each === '\x7f') ? [problem(field, 'has a control character in it')] : [],
  );
};

type TargetRead = RuleTarget | { readonly problems: readonly RuleProblem[] };

function readTarget({ root, file, url, program, args = [] }: RuleText, groups: number): TargetRead {
  if (program !== undefined) return readProgram(program, args, groups);
  if (url !== undefined) {
    const read = readUrl(url, groups);
    return read.ok ? { kind: 'url', url: read.url } : failed(['url'], read.message);
  }
  return root === undefined ? readFile(file ?? '', groups) : readFileBelow(root, file ?? '', groups);
}

function readFile(file: string, groups: number): TargetRead {
  const read = readTemplate(file, groups);
  if (!read.ok) return failed(['file'], read.message);
  if (hasPlaces(read.template)) return failed(['file'], 'has groups: give root too, the folder that it stays in');
  const path = expand(read.template, []);
  const wrong = pathProblem(path);
  return wrong === undefined ? { kind: 'file', path } : failed(['file'], wrong);
}

function readFileBelow(root: string, file: string, groups: number): TargetRead {
  const wrongRoot = root.includes('$') ? 'has a $: groups go into file, below it' : pathProblem(root);
  if (wrongRoot !== undefined) return failed(['root'], wrongRoot);
  const read = readTemplate(file, groups);
  if (!read.ok) return failed(['file'], read.message);
  if (file.startsWith('/')) return failed(['file'], 'begins with a slash: it is a path below root');
  if (steps(file).includes('..')) return failed(['file'], 'has a .. step, which leads out of root');
  return { kind: 'file-below', root, file: read.template };
}

function readProgram(program: string, args: readonly string[], groups: number): TargetRead {
  const wrong = program.includes('$') ? 'has a $: groups go into args, one argument each' : pathProblem(program);
  if (wrong !== undefined) return failed(['program'], wrong);
  const templates: Template[] = [];
  for (const [i, arg] of args.entries()) {
    const read = readTemplate(arg, groups);
    if (!read.ok) return failed(['args', i], read.message);
    templates.push(read.template);
  }
  return { kind: 'program', program, args: templates };
}

const pathProblem = (path: string): string | undefined => {
  if (!path.startsWith('/')) return 'is not an absolute path';
  return steps(path).includes('..') ? 'has a .. step' : undefined;
};

const steps = (path: string): string[] => path.split('/');
const problem = (field: RuleProblem['field'], message: string): RuleProblem => ({ field, message });
const failed = (field: RuleProblem['field'], message: string): TargetRead => ({ problems: [problem(field, message)] });

/** Paths of boards are 255 characters; a template may say a group more than once. */
const longest = 4096;

/** What a rule does for a path that it matches. `groups[0]` is all of the match. Nothing in groups is trusted: they come from the wire. */
export function planWork(target: RuleTarget, groups: readonly string[]): RulePlanned {
  if (!groups.every((group) => /^[\x20-\x7e]*$/.test(group)))
    return refused('it has a character that is not printable');
  switch (target.kind) {
    case 'file':
      return { ok: true, work: { kind: 'file', path: target.path, root: null } };
    case 'file-below':
      return planFile(target.root, expand(target.file, groups));
    case 'url':
      return planUrl(target.url, groups);
    case 'program':
      return planProgram(
        target.program,
        target.args.map((arg) => expand(arg, groups)),
      );
  }
}

function planFile(root: string, below: string): RulePlanned {
  const wanted = steps(below).filter((step) => step !== '' && step !== '.');
  if (wanted.includes('..')) return refused('it leads out of the folder of the rule');
  if (wanted.length === 0) return refused('it names no file');
  if (below.length > longest) return refused('the path it becomes is too long');
  const folder = root.replace(/\/+$/, '');
  return {
    ok: true,
    work: { kind: 'file', path: `${folder}/${wanted.join('/')}`, root: folder === '' ? '/' : folder },
  };
}

function planProgram(program: string, args: readonly string[]): RulePlanned {
  if (args.some((arg) => arg.length > longest)) return refused('an argument it becomes is too long');
  return { ok: true, work: { kind: 'program', program, args } };
}

const refused = (reason: string): RulePlanned => ({ ok: false, reason });
