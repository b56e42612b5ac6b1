export { createClient, type Client } from './client.js';
export type { CallOptions, InputOf } from './call.js';
export type { DownloadOptions } from './download.js';
export { DroverError } from './errors.js';
export type { StreamEvent, StreamOptions } from './event-stream.js';
export { resultOf, type WaitOptions } from './jobs.js';
export type { ItemOf, ListOperation } from './pages.js';
export type { ClientOptions } from './transport.js';
export type { UploadOptions, UploadSource } from './upload.js';
