export { createRootPacker, type RootPackerDeps } from './root-packer.js';
