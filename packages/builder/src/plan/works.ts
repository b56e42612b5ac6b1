import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { BaseImage } from '../base/base-image.js';
import type { PackageLock, PackageStep } from '../packages/lock.js';
import type { Recipe, RecipeStep } from '../recipe/recipe.js';
import type { RecipeScript } from '../recipe/schema.js';
import type { Content } from './content.js';
import type { LayerWork } from './layers.js';

/** One piece of work, with what it takes to do it besides what its key says. */
export interface PlannedWork {
  readonly work: LayerWork;
  /** What is shown while it is done: `base: install 23 packages`. */
  readonly title: string;
  readonly packages?: PackageStep;
  readonly script?: { readonly text: string; readonly folder: string };
  readonly playbook?: { readonly path: string; readonly folder: string };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

const lockedOf = ({ install }: PackageStep) => install.map(({ locked }) => locked);

function packageWork(name: string, packages: PackageStep): PlannedWork[] {
  const { install, remove } = packages;
  if (install.length === 0 && remove.length === 0) return [];
  const parts = [
    ...(install.length > 0 ? [`install ${count(install.length, 'package')}`] : []),
    ...(remove.length > 0 ? [`remove ${count(remove.length, 'package')}`] : []),
  ];
  const work: LayerWork = { kind: 'packages', install: lockedOf(packages), remove };
  return [{ work, title: `${name}: ${parts.join(', ')}`, packages }];
}

async function scriptWork(step: RecipeStep, script: RecipeScript, content: Content): Promise<PlannedWork> {
  const text = script.run ?? (await content.text(join(step.folder, script.file ?? '')));
  const title = `${step.name}: ${script.name ?? script.file ?? 'script'}`;
  const work: LayerWork = { kind: 'script', sha256: sha256(text), folder: await content.folder(step.folder) };
  return { work, title, script: { text, folder: step.folder } };
}

async function playbookWork(step: RecipeStep, content: Content): Promise<PlannedWork[]> {
  if (step.ansible === undefined) return [];
  const { playbook, variables } = step.ansible;
  const path = join(step.folder, playbook);
  const work: LayerWork = {
    ...{ kind: 'playbook', sha256: sha256(await content.text(path)), variables },
    folder: await content.folder(step.folder),
  };
  return [{ work, title: `${step.name}: playbook ${playbook}`, playbook: { path: playbook, folder: step.folder } }];
}

async function stepWorks(step: RecipeStep, packages: PackageStep, content: Content): Promise<PlannedWork[]> {
  const { name, folder, users, services } = step;
  const works = packageWork(name, packages);
  if (users.length > 0)
    works.push({ work: { kind: 'users', users }, title: `${name}: ${count(users.length, 'user')}` });
  const files = (await Promise.all(step.files.map((file) => content.placed(file, folder)))).flat();
  if (files.length > 0)
    works.push({ work: { kind: 'files', files }, title: `${name}: ${count(files.length, 'file')}` });
  if (Object.values(services).some((units) => units.length > 0))
    works.push({ work: { kind: 'services', services }, title: `${name}: services` });
  for (const script of step.scripts) works.push(await scriptWork(step, script, content));
  works.push(...(await playbookWork(step, content)));
  return works;
}

/** What a build does, in order. */
export async function planWorks(
  recipe: Recipe,
  lock: PackageLock,
  content: Content,
  image?: Pick<BaseImage, 'sha256' | 'epoch'>,
): Promise<PlannedWork[]> {
  const { base, hostname, timezone, locale } = recipe;
  const works: PlannedWork[] = [];
  if (base.kind === 'suite') {
    const { suite } = base;
    const architecture = recipe.architecture ?? 'arm64';
    const system: LayerWork = { kind: 'system', suite, architecture, packages: lockedOf(lock.system) };
    works.push({ work: system, title: `Debian ${suite} for ${architecture}`, packages: lock.system });
    works.push(...packageWork('kernel and firmware', lock.boot));
  }
  if (base.kind !== 'suite' && image !== undefined) {
    const { sha256: digest, epoch } = image;
    const title = base.kind === 'image' ? base.image : (base.url.split('/').at(-1) ?? base.url);
    works.push({ work: { kind: 'image', sha256: digest, epoch }, title: `unpack ${title}` });
  }
  for (const [index, step] of recipe.steps.entries()) {
    const packages = lock.steps[index];
    if (packages !== undefined) works.push(...(await stepWorks(step, packages, content)));
  }
  if (hostname !== null || timezone !== null || locale !== null)
    works.push({ work: { kind: 'settings', hostname, timezone, locale }, title: 'host name, time zone, locale' });
  return works;
}
