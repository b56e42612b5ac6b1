import type { IncomingMessage, ServerResponse } from 'node:http';
import type { BootFiles } from '../../../app/boot/plane/ports.js';
import type { Clock, Log } from '../../../app/ports.js';
import { respondWithFile } from './file-response.js';
import { sendRefusal } from './reply.js';
import type { SendDeps } from './send-file.js';

export interface NetbootDeps {
  readonly files: BootFiles;
  readonly send: SendDeps;
  readonly clock: Clock;
  readonly log: Log;
}

/** IPv4 addresses of a dual-stack socket in their own form. */
export const plainAddress = (address: string | undefined): string => (address ?? '').replace(/^::ffff:/, '');

/** `GET /netboot/<prefix>/<file>`: the same bytes as over TFTP. `path` still has its percent escapes. */
export async function serveBootFile(
  { files, send, clock, log }: NetbootDeps,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const decoded = decodePath(path);
  if (decoded === undefined) return sendRefusal(response, 'request.invalid', 'The path has a broken percent escape.');
  const answer = await files.open({
    path: decoded,
    transport: 'http',
    clientAddress: plainAddress(request.socket.remoteAddress),
    localAddress: plainAddress(request.socket.localAddress),
  });
  if (answer.kind === 'refused') return sendRefusal(response, 'request.invalid', answer.reason);
  if (answer.kind === 'absent')
    return sendRefusal(response, 'route.not-found', 'There is no such boot file for this board.');
  const { file } = answer;
  const began = clock.now();
  let served: Awaited<ReturnType<typeof respondWithFile>> = { outcome: 'failed', bytes: 0 };
  try {
    served = await respondWithFile(request, response, file.source, file.tag, send);
    if (served.fault !== undefined) log.error({ err: served.fault, path: decoded }, 'a boot file could not be sent');
  } finally {
    const { outcome, bytes } = served;
    // Asking for the size only is what TFTP clients do by breaking off.
    file.end({ outcome: request.method === 'HEAD' ? 'probe' : outcome, bytes, ms: clock.now() - began });
  }
}

const decodePath = (path: string): string | undefined => {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
};
