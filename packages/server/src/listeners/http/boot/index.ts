export { createBootHttpServer, type BootHttpDeps, type BootHttpServer } from './server.js';
