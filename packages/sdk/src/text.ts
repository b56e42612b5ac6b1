import { routes, type Route, type TextOperation } from '@drover/contract';
import { pathOf, type AnyInput, type InputOf } from './call.js';
import { unreachable } from './errors.js';
import type { Transport } from './transport.js';

/**
 * The text an operation answers with, as bytes as they come. Ends with the answer; a connection that breaks off throws DroverError `server.unreachable`, and
 * whoever counted the bytes can ask for the rest.
 */
export async function* text<O extends TextOperation>(
  transport: Transport,
  operation: O,
  input: InputOf<O>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array> {
  const route: Route = routes[operation];
  const path = pathOf(route, input as AnyInput);
  const headers = { accept: 'text/plain' };
  const response = await transport.send({ method: route.method, path, headers, repeatable: true, signal });
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) yield read.value as Uint8Array;
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(transport.baseUrl, error);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
