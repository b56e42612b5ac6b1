import type { BaseImage } from '../base/base-image.js';
import type { PackageLock } from '../packages/lock.js';
import type { Content } from '../plan/content.js';
import { planLayers, type Layer } from '../plan/layers.js';
import { planWorks } from '../plan/works.js';
import { signatureOf } from '../output/disk.js';
import type { Recipe } from '../recipe/recipe.js';

/** The file systems of the disk an image becomes, by PARTUUID: on a card, and on a disk of a board's own. */
const fstab = (signature: string): string =>
  [
    `PARTUUID=${signature}-02 / ext4 defaults,noatime,x-systemd.growfs 0 1`,
    `PARTUUID=${signature}-01 /boot/firmware vfat defaults 0 2`,
    '',
  ].join('\n');

const bringsFstab = (recipe: Recipe): boolean =>
  recipe.steps.some(({ files }) => files.some(({ path }) => path === '/etc/fstab'));

/** All that is done and the layers it becomes. The disk is called by what is in it, but for the file that says so. */
export async function planAll(
  { recipe, base }: { readonly recipe: Recipe; readonly base: BaseImage | undefined },
  lock: PackageLock,
  content: Content,
  timeOf: (sha256: string) => number,
) {
  const works = await planWorks(recipe, lock, content, base);
  const plan = (): Layer[] =>
    planLayers(
      works.map(({ work }) => work),
      timeOf,
    );
  const topOf = (layers: readonly Layer[]): Layer => {
    const top = layers.at(-1);
    if (top === undefined) throw new Error('a recipe without any work');
    return top;
  };
  // What an image says of its partitions stays true.
  const signature = base?.signature ?? signatureOf(topOf(plan()).key);
  if (base === undefined && !bringsFstab(recipe)) {
    const file = { path: '/etc/fstab', content: fstab(signature), owner: 'root' };
    works.push({ work: { kind: 'files', files: await content.placed(file, '/') }, title: '/etc/fstab' });
  }
  const layers = plan();
  return { works, layers, top: topOf(layers), signature };
}
