import { Readable } from 'node:stream';
import { failed, type Answered, type BakeryHandler } from './access.js';

export interface FileDeps {
  /** Where the boot plane answers boards, as they reach it; undefined while it is nowhere. `local`: the address of ours that was asked. */
  readonly bootPlaneUrl: (local: string) => string | undefined;
  readonly stopping: AbortSignal;
}

const isLoopback = (address: string): boolean => /^(::ffff:)?127\.|^::1$/.test(address);

/** A TFTP server that forwards what boards ask it, as Bakery's did: they get what Drover's own would send. */
const bootFile =
  ({ bootPlaneUrl, stopping }: FileDeps): BakeryHandler =>
  async (_who, request) => {
    const { piId = '', '*': filename = '' } = request.params as Record<string, string>;
    if (!/^[0-9a-f]{8}$/.test(piId)) return failed(404, `${piId} is no id of a Pi`);
    const local = request.socket.localAddress ?? '';
    // What a board is told to call must be an address of its network.
    const base = bootPlaneUrl(isLoopback(local) ? '' : local);
    if (base === undefined) return failed(503, 'boards are not served now');
    const path = filename.split('/').map(encodeURIComponent).join('/');
    const answer = await fetch(`${base}/netboot/${piId}/${path}`, { signal: stopping }).catch(() => undefined);
    if (answer === undefined) return failed(503, 'boards are not served now');
    return answer.ok ? passedOn(answer) : failed(answer.status, `no file ${filename} for ${piId}`);
  };

function passedOn(answer: Response): Answered {
  const size = Number(answer.headers.get('content-length'));
  const { body } = answer;
  return { status: 200, stream: { size, bytes: body === null ? Readable.from([]) : Readable.fromWeb(body) } };
}

export const fileHandlers = (deps: FileDeps): Readonly<Record<string, BakeryHandler>> => ({
  'GET /files/:piId/*': bootFile(deps),
});
