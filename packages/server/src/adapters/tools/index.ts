export { createRootPacker, type RootPackerDeps } from './root-packer.js';
export { unpackTree, type TreeSource, type UnpackOptions } from './tree-unpacker.js';
