import type { BytesOperation, EventOf, Job, StreamOperation, TextOperation, Upload } from '@drover/contract';
import { createCall, type Call, type CallOptions, type InputOf } from './call.js';
import { download, type DownloadOptions } from './download.js';
import { followStream, type StreamEvent, type StreamOptions } from './event-stream.js';
import { waitForJob, type WaitOptions } from './jobs.js';
import { eachItem, type ItemOf, type ListOperation } from './pages.js';
import { createResources, type Resources } from './resources.js';
import { text } from './text.js';
import { createTransport, type ClientOptions } from './transport.js';
import { blobSource, uploadSource, type UploadOptions, type UploadSource } from './upload.js';

/** Everything the API can do, typed from the contract's route table. Errors are {@link DroverError}. */
export interface Client extends Resources {
  readonly baseUrl: string;
  /** One operation by its id: `call('provision', { body: { image: 'a:1', any: true } })`. */
  readonly call: Call;
  /** Every item of a list, over all its pages. */
  each<O extends ListOperation>(operation: O, input?: InputOf<O>, options?: CallOptions): AsyncIterable<ItemOf<O>>;
  /** Follows server-sent events, across lost connections. */
  follow<O extends StreamOperation>(
    operation: O,
    input?: InputOf<O>,
    options?: StreamOptions,
  ): AsyncIterable<StreamEvent<EventOf<O>>>;
  upload(source: UploadSource | Blob, options: UploadOptions): Promise<Upload>;
  /** The bytes an operation answers with, across lost connections. */
  download<O extends BytesOperation>(
    operation: O,
    input: InputOf<O>,
    options?: DownloadOptions,
  ): AsyncIterable<Uint8Array>;
  /** The text an operation answers with, as it comes, over one connection. */
  text<O extends TextOperation>(
    operation: O,
    input: InputOf<O>,
    options?: { readonly signal?: AbortSignal | undefined },
  ): AsyncIterable<Uint8Array>;
  waitForJob(id: string, options?: WaitOptions): Promise<Job>;
}

export const createClient = (options: ClientOptions): Client => {
  const transport = createTransport(options);
  const call = createCall(transport);
  return {
    ...createResources(call),
    baseUrl: transport.baseUrl,
    call,
    each: (operation, input, callOptions) => eachItem(call, operation, input, callOptions),
    follow: (operation, input, streamOptions) => followStream(transport, operation, input, streamOptions),
    upload: (source, uploadOptions) =>
      uploadSource(transport, call, source instanceof Blob ? blobSource(source) : source, uploadOptions),
    download: (operation, input, downloadOptions) => download(transport, operation, input, downloadOptions),
    text: (operation, input, textOptions) => text(transport, operation, input, textOptions),
    waitForJob: (id, waitOptions) => waitForJob(transport, call, id, waitOptions),
  };
};
