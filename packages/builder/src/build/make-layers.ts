import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LockedPackage } from '@drover/debian';
import type { ToolRunner } from '@drover/tools';
import type { BaseImage } from '../base/base-image.js';
import { unpackBase } from '../base/unpack.js';
import { openRoot, type BuildRoot } from '../machine/root.js';
import type { Sandbox } from '../machine/sandbox.js';
import type { Content } from '../plan/content.js';
import type { Layer } from '../plan/layers.js';
import type { PlannedWork } from '../plan/works.js';
import type { Architecture } from '../recipe/schema.js';
import { cleanRoot } from '../steps/clean.js';
import { buildVariables, type StepContext } from '../steps/context.js';
import { placeFiles } from '../steps/files.js';
import { changePackages } from '../steps/packages.js';
import { runPlaybook } from '../steps/playbook.js';
import { runScript } from '../steps/scripts.js';
import { setServices } from '../steps/services.js';
import { applySettings } from '../steps/settings.js';
import { makeSystem } from '../steps/system.js';
import { makeUsers } from '../steps/users.js';
import type { BuildStore } from '../store/build-store.js';
import type { Stages } from './events.js';

export interface LayerDeps {
  readonly tools: ToolRunner;
  readonly sandbox: Sandbox;
  readonly store: BuildStore;
  readonly content: Content;
  readonly architecture: Architecture;
  readonly recommends: boolean;
  /** The image it begins with, where it does with one. */
  readonly base: BaseImage | undefined;
  /** A folder of this build, for what is not finished. */
  readonly folder: string;
  readonly stages: Stages;
  readonly onOutput: (chunk: Uint8Array) => void;
}

/** A piece of work with the layer it becomes. */
export interface PlannedLayer {
  readonly layer: Layer;
  readonly planned: PlannedWork;
}

async function carryOut({ layer, planned }: PlannedLayer, deps: LayerDeps, context: StepContext): Promise<void> {
  const { work } = layer;
  const { tools, content, recommends, base } = deps;
  switch (work.kind) {
    case 'system':
    case 'image':
      throw new Error(`a layer of kind ${work.kind} lies on others`);
    case 'packages':
      if (planned.packages !== undefined)
        await changePackages(planned.packages, context, { recommends, seesBoot: base !== undefined });
      return;
    case 'settings':
      return applySettings(work, context);
    case 'files':
      return placeFiles(work.files, { tools, content, epoch: layer.epoch }, context);
    case 'users':
      return makeUsers(work.users, context);
    case 'services':
      return setServices(work.services, context);
    case 'script':
      if (planned.script !== undefined) await runScript(planned.script.text, planned.script.folder, context);
      return;
    case 'playbook':
      if (planned.playbook === undefined) return;
      return runPlaybook(
        { playbook: planned.playbook.path, variables: work.variables },
        planned.playbook.folder,
        context,
      );
  }
}

/** No file is newer than what it was made from, whenever the build ran; then all of it goes to the disk, once. */
const settle = 'find "$1" -newermt "@$2" -print0 | xargs -0r touch -h -d "@$2"; sync -f "$1"';

async function makeLayer(each: PlannedLayer, below: readonly string[], deps: LayerDeps): Promise<void> {
  const { layer, planned } = each;
  const { sandbox, store, architecture, onOutput } = deps;
  const made = join(deps.folder, layer.key.slice(0, 20));
  const [upper, work, target, folder] = ['root', 'overlay', 'mounted', 'step'].map((name) => join(made, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const path of [upper, work, target, folder]) await mkdir(path, { recursive: true });
  const context = { sandbox, architecture, folder, env: buildVariables(layer.epoch), onOutput };
  const isFirst = layer.work.kind === 'system' || layer.work.kind === 'image';
  if (layer.work.kind === 'system') await makeSystem(planned.packages?.install ?? [], upper, context);
  if (layer.work.kind === 'image' && deps.base !== undefined) await unpackBase(deps.base, upper, context);
  const root: BuildRoot = await openRoot(sandbox, { layers: store.layers, below, changes: { upper, work }, target });
  if (!isFirst) await carryOut(each, deps, { ...context, root });
  await cleanRoot({ ...context, root });
  await root.close();
  await sandbox.run('sh', ['-euc', settle, 'sh', upper, String(layer.epoch)]);
  await sandbox.run('rm', ['-rf', work, target, folder]);
  const packages: LockedPackage[] = (planned.packages?.install ?? []).map(({ locked }) => locked);
  await store.keepLayer(layer.key, made, { format: 1, kind: layer.work.kind, epoch: layer.epoch, packages });
}

/** Makes those layers that are not there, and returns the trees of all, the lowest first. */
export async function makeLayers(planned: readonly PlannedLayer[], deps: LayerDeps): Promise<string[]> {
  const below: string[] = [];
  for (const each of planned) {
    const { title } = each.planned;
    if ((await deps.store.layer(each.layer.key)) !== undefined) deps.stages.kept(title);
    else await deps.stages.run(title, () => makeLayer(each, below, deps));
    below.push(deps.store.treeOf(each.layer.key));
  }
  return below;
}
