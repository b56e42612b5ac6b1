export { createToolRunner, type RunOptions, type ToolResult, type ToolRunner } from './runner.js';
export { createRootPacker, type RootPackerDeps } from './root-packer.js';
