export { systemClock } from './clock.js';
export { createIds } from './ids.js';
