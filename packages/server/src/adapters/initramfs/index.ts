export { createInitramfsComposer, type ComposerDeps, type InitramfsComposer } from './composer.js';
export type { ModulesPart } from './module-part.js';
export { createInitramfsMaker, type InitramfsMakerDeps } from './maker.js';
export { createHelperStore, type Helper, type HelperStore, type HelperStoreDeps } from './helpers/store.js';
export { rootCompression, type CompressionChoice } from './compression.js';
