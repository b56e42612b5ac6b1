export { createToolRunner, type RunOptions, type ToolResult, type ToolRunner, type Tools } from './runner.js';
export { streamTool } from './stream.js';
