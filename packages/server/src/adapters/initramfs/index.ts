export { createInitramfsMaker, type InitramfsMakerDeps, type OpenSource } from './maker.js';
