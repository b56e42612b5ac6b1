export { systemClock } from './clock.js';
export { createIds } from './ids.js';
export { createProcessFigures, type ProcessFigures } from './process-figures.js';
