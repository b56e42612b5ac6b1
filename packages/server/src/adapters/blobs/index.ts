export { createFsBlobStore, makeDataFolder, type FsBlobStore } from './fs.js';
export { createUploadStore } from './uploads.js';
