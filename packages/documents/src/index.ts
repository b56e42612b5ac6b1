export { issueProblems, type CheckOptions } from './check.js';
export { bareSchema, describeKeys, keysBelow, metaOf, type DocumentKey } from './describe.js';
export { formatDeb822, parseDeb822, type Stanza } from './deb822.js';
export { nearest } from './nearest.js';
export { DocumentError, type Problem } from './problem.js';
export { parseSize } from './size.js';
export { yamlExcess } from './yaml-bounds.js';
export { parseYamlFile, readYamlFile, type YamlFile, type YamlPurpose, type YamlResult } from './yaml-file.js';
