export * from './types.js';
export { createClock, type Clock, type Timer } from './clock.js';
export { createRandom, seedOf, type Random } from './random.js';
export { boardTypeOf, isModelName, modelNames, models, type BoardModel, type ModelName } from './models.js';
export { createIdentity, randomIdentity, type BoardIdentity, type IdentityOptions } from './identity.js';
