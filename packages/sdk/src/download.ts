import { routes, type BytesOperation, type Route } from '@drover/contract';
import { pathOf, type AnyInput, type InputOf } from './call.js';
import { unreachable } from './errors.js';
import type { Transport } from './transport.js';

export interface DownloadOptions {
  /** `done` of `total` bytes are there. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Tries in a row that bring nothing before it is given up. Default 8, over about half a minute. */
  readonly attempts?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const numberOf = (text: string | null): number | undefined =>
  text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;

/** Bytes of the whole file, by Content-Range or Content-Length. */
const totalOf = ({ status, headers }: Response): number | undefined =>
  status === 206
    ? numberOf(headers.get('content-range')?.split('/')[1] ?? null)
    : numberOf(headers.get('content-length'));

async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value as Uint8Array;
  } finally {
    // Whoever stops reading wants no more of it.
    await reader.cancel().catch(() => undefined);
  }
}

/**
 * The bytes an operation answers with, all of them and in order: a connection that breaks off is followed by another that goes on from there. Throws
 * DroverError. That the bytes are the right ones is for whoever knows their digest.
 */
export async function* download<O extends BytesOperation>(
  transport: Transport,
  operation: O,
  input: InputOf<O>,
  { onProgress, attempts = 8, signal }: DownloadOptions = {},
): AsyncGenerator<Uint8Array> {
  const route: Route = routes[operation];
  const path = pathOf(route, input as AnyInput);
  let [done, etag, total]: [number, string | null, number | undefined] = [0, null, undefined];
  for (let failed = 0; total === undefined || done < total;) {
    const headers = {
      accept: 'application/octet-stream',
      ...(done > 0 && etag !== null ? { range: `bytes=${done}-`, 'if-range': etag } : {}),
    };
    const response = await transport.send({ method: route.method, path, headers, repeatable: true, signal });
    const before = done;
    // Without a range it begins again: what is there already is passed over.
    let skip = response.status === 206 ? 0 : done;
    total = totalOf(response);
    if (etag !== null && etag !== response.headers.get('etag'))
      throw unreachable(transport.baseUrl, new Error('the file was replaced by another during the download'));
    etag = response.headers.get('etag');
    try {
      for await (const chunk of chunksOf(response)) {
        const rest = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - rest.length;
        if (rest.length === 0) continue;
        done += rest.length;
        yield rest;
        onProgress?.(done, total ?? done);
      }
      if (total === undefined) return;
    } catch (error) {
      signal?.throwIfAborted();
      if (failed + 1 >= attempts) throw unreachable(transport.baseUrl, error);
    }
    if (total !== undefined && done >= total) return;
    failed = done > before ? 0 : failed + 1;
    if (failed >= attempts)
      throw unreachable(transport.baseUrl, new Error(`the download ended at ${done} of ${total}`));
    await transport.sleep(transport.backOff(failed + 1), signal);
  }
}
