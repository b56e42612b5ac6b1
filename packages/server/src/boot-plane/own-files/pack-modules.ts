import type { PackModules } from '../../adapters/boot-files/worker-side.js';
import { attachModules, modulesRecipe, wantedModules } from '@drover/initramfs/kernel-modules';

/** Modules are packed for a disk as they are for an image. What packs them is loaded when they were not packed before. */
export const packModules: PackModules = {
  recipe: modulesRecipe,
  wanted: wantedModules,
  pack: async (volume, wanted, put) => {
    const { composeModules } = await import('@drover/initramfs');
    const made = await composeModules(put, volume, wanted, new AbortController().signal);
    if (!made.ok) return made;
    const { part, resolved } = made.value;
    return { ok: true, value: { part, cannotAttach: attachModules.filter((name) => resolved.missing.includes(name)) } };
  },
};
