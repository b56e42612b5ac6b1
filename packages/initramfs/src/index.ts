/** The initramfs of a board, from the scripts in `device`, a few programs of Debian and the modules of its kernel: the same for network and card. */
export { createInitramfsComposer, type ComposerDeps, type InitramfsComposer } from './composer.js';
export { composeModules, type ModulesPart } from './module-part.js';
export { attachModules, cardModules, wantedModules } from './kernel-modules/index.js';
export { modulesRecipe, type InitramfsPart } from './part.js';
export { createHelperStore, type Helper, type HelperStore, type HelperStoreDeps } from './helpers/store.js';
export {
  chooseCompression,
  fromConfiguration,
  fromRelease,
  rootCompression,
  type CompressionChoice,
  type SquashfsCompression,
} from './compression.js';
