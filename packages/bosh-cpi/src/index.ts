export { main, type Surroundings } from './main.js';
export type { Answer } from './dispatch.js';
export { failureTypes, type FailureType } from './failure.js';
export { settingsPath } from './agent-settings.js';
export { resultOf, resultOfVersion1 } from './results.js';
export { argumentsOf, type ServerMethod } from './schemas.js';
