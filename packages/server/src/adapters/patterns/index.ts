export { compilePattern, type Pattern, type PatternCompiled } from './compile.js';
