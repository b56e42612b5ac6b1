import { debianArchitectures } from '@drover/disk-image';
import { nearest, type Problem } from '@drover/documents';
import { lintChecks } from '../lint/checks.js';
import type { LoadedDocument } from './document.js';

/** A problem whose origin is found by its key. */
interface Finding {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly remedy: string;
}

const finding = (path: readonly PropertyKey[], message: string, remedy: string): Finding => ({ path, message, remedy });

/** How many of the keys are there, when it is not one. */
const oneOf = (
  path: readonly PropertyKey[],
  holder: Readonly<Record<string, unknown>>,
  keys: readonly string[],
): Finding[] => {
  const given = keys.filter((key) => holder[key] !== undefined);
  if (given.length === 1) return [];
  const words = `${keys.slice(0, -1).join(', ')} or ${keys.at(-1)}`;
  const [, second = ''] = given;
  return given.length === 0
    ? [finding(path, `has neither ${words.replace(' or ', ' nor ')}`, `Give one of ${words}.`)]
    : [finding([...path, second], `stands beside ${given[0]}`, `Keep one of ${words}.`)];
};

const repeated = (
  path: readonly PropertyKey[],
  names: readonly string[],
  at: (index: number) => readonly PropertyKey[],
): Finding[] =>
  names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [finding(at(index), `says ${name} a second time`, `Keep one of the two below ${path.join('.')}.`)],
  );

const base = ({ recipe }: LoadedDocument): Finding[] => {
  if (recipe.base === undefined)
    return recipe.extends === undefined
      ? [
          finding(
            [],
            'has neither base nor extends',
            'Say what it begins with: base.suite, base.image, base.url, or extends.',
          ),
        ]
      : [];
  const from = recipe.base;
  if (recipe.extends !== undefined && from.suite === undefined)
    return [
      finding(
        ['base'],
        'stands beside extends',
        'Leave it out: the recipe that is extended has a base. Only another base.suite may be said here.',
      ),
    ];
  const needed =
    from.url !== undefined && from.sha256 === undefined
      ? [finding(['base', 'url'], 'has no sha256', 'Give base.sha256, so that the same bytes are built on every time.')]
      : [];
  const lonely =
    from.sha256 !== undefined && from.url === undefined
      ? [finding(['base', 'sha256'], 'stands without url', 'Leave it out: only a file from elsewhere needs it.')]
      : [];
  const mirror =
    from.mirror !== undefined && from.suite === undefined
      ? [finding(['base', 'mirror'], 'stands without suite', 'Leave it out, or give base.suite.')]
      : [];
  return [...oneOf(['base'], from, ['suite', 'image', 'url']), ...needed, ...lonely, ...mirror];
};

const kernel = ({ recipe }: LoadedDocument): Finding[] =>
  recipe.kernel !== undefined && recipe.base !== undefined && recipe.base.suite === undefined
    ? [finding(['kernel'], 'stands beside a base that has its own kernel', 'Leave it out, or build from base.suite.')]
    : [];

const models = ({ recipe }: LoadedDocument): Finding[] => {
  if (recipe.base?.suite === undefined) return [];
  const architecture = recipe.architecture ?? 'arm64';
  return (recipe.models ?? []).flatMap((model, index) => {
    const runs = debianArchitectures(model);
    if (runs === undefined || runs.includes(architecture)) return [];
    const remedy =
      runs.length === 0
        ? 'Debian has no packages for its processor (ARMv6): build on an image of Raspberry Pi OS with base.url.'
        : `Set architecture: ${runs.join(' or ')}, or leave the model out.`;
    return [finding(['models', index], `does not run ${architecture}`, remedy)];
  });
};

const files = ({ recipe }: LoadedDocument): Finding[] => [
  ...recipe.files.flatMap((file, index) => oneOf(['files', index], file, ['content', 'source', 'link'])),
  ...recipe.files.flatMap((file, index) =>
    file.link !== undefined && file.mode !== undefined
      ? [finding(['files', index, 'mode'], 'is of a link, which has none', 'Leave it out.')]
      : [],
  ),
  ...repeated(
    ['files'],
    recipe.files.map(({ path }) => path),
    (index) => ['files', index, 'path'],
  ),
];

const users = ({ recipe }: LoadedDocument): Finding[] => [
  ...repeated(
    ['users'],
    recipe.users.map(({ name }) => name),
    (index) => ['users', index, 'name'],
  ),
  ...recipe.users.flatMap(({ name, uid }, index) =>
    name === 'root' && uid !== undefined
      ? [finding(['users', index, 'uid'], 'is of root, who has 0', 'Leave it out.')]
      : [],
  ),
];

const services = ({ recipe }: LoadedDocument): Finding[] => {
  const lists = ['enable', 'disable', 'mask'] as const;
  const all = lists.flatMap((list) => recipe.services[list].map((unit, index) => ({ list, unit, index })));
  return all.flatMap(({ list, unit, index }, at) => {
    const first = all.slice(0, at).find((other) => other.unit === unit);
    if (first === undefined) return [];
    const remedy = 'Keep it in one list: masked units are disabled too.';
    return [finding(['services', list, index], `says ${unit}, as services.${first.list} does`, remedy)];
  });
};

const packages = ({ recipe }: LoadedDocument): Finding[] => [
  ...repeated(['packages'], recipe.packages, (index) => ['packages', index]),
  ...recipe.removePackages.flatMap((name, index) =>
    recipe.packages.includes(name)
      ? [finding(['removePackages', index], `says ${name}, as packages does`, 'Keep it in one list.')]
      : [],
  ),
];

/** Parameters that every root mode sets for itself. */
const ours = /(?:^|\s)((?:root|rootfstype|rootflags|init|boot|drover\.[a-z.]+)=\S*)/;

const boot = ({ recipe }: LoadedDocument): Finding[] => {
  const parameter = ours.exec(recipe.boot.parameters)?.[1];
  const small = (recipe.sizes?.boot ?? Infinity) < 64 * 1024 * 1024;
  return [
    ...(parameter === undefined
      ? []
      : [
          finding(
            ['boot', 'parameters'],
            `holds ${parameter}`,
            'Leave it out: where the root is differs by root mode.',
          ),
        ]),
    ...(small ? [finding(['sizes', 'boot'], 'is too small for a kernel and its files', 'Give 64MiB or more.')] : []),
    ...repeated(
      ['boot.files'],
      recipe.boot.files.map(({ path }) => path.toLowerCase()),
      (index) => ['boot', 'files', index, 'path'],
    ),
  ];
};

const scripts = ({ recipe }: LoadedDocument): Finding[] =>
  recipe.scripts.flatMap((script, index) => oneOf(['scripts', index], script, ['run', 'file']));

const lint = ({ recipe }: LoadedDocument): Finding[] =>
  recipe.lint.allow.flatMap((name, index) => {
    if (Object.hasOwn(lintChecks, name)) return [];
    const guess = nearest(name, Object.keys(lintChecks));
    const remedy = guess === undefined ? `There are: ${Object.keys(lintChecks).join(', ')}.` : `Did you mean ${guess}?`;
    return [finding(['lint', 'allow', index], `is ${name}, which is not a check`, remedy)];
  });

const all = [base, kernel, models, packages, files, users, services, scripts, boot, lint];

/** What is wrong with a recipe though each of its keys is right. */
export const checkRecipe = (document: LoadedDocument): Problem[] =>
  all
    .flatMap((check) => check(document))
    .map(({ path, message, remedy }) => ({
      key: path.map(String).join('.'),
      origin: document.originOf(path),
      message,
      remedy,
    }));
