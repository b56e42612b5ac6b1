export { createBackendServer } from './server.js';
export { BackendError, createBackendClient, type BackendClient, type BackendErrorKind } from './client.js';
export { createPlaneMemory } from './memory.js';
export { createNeighbours } from './neighbours.js';
