export { createFsBlobStore, makeDataFolder, type FsBlobStore } from './fs.js';
export { uploadPath } from './layout.js';
export { createUploadStore } from './uploads.js';
