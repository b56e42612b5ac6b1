import { success } from '@drover/contract';
import type { PackModules } from '../../adapters/boot-files/worker-side.js';
import { composeModules, modulesRecipe } from '../../adapters/initramfs/module-part.js';
import { attachModules, wantedModules } from '../../adapters/initramfs/modules.js';

/** Modules are packed for a disk as they are for an image. */
export const packModules: PackModules = {
  recipe: modulesRecipe,
  wanted: wantedModules,
  pack: async (volume, wanted, put) => {
    const made = await composeModules(put, volume, wanted, new AbortController().signal);
    if (!made.ok) return made;
    const { part, resolved } = made.value;
    return success({ part, cannotAttach: attachModules.filter((name) => resolved.missing.includes(name)) });
  },
};
