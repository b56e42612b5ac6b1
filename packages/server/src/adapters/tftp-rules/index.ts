export { createRuleSources, type RuleSourcesDeps } from './sources.js';
