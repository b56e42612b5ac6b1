import { deviceApiBase, refusal } from '@drover/contract';
import type { FastifyInstance } from 'fastify';
import { sendProblem } from '../problem.js';

export interface BootPlaneDeps {
  /** Where boards reach the boot plane that reached us at this address of ours; undefined when that is not known. */
  readonly bootPlaneUrl: (localAddress: string) => string | undefined;
}

const notKnown = refusal(
  'route.not-found',
  'Boards are served at another port, and this server does not know its address.',
  {
    remedy: 'Set `boot.serverAddress`, or write the address of the boot plane on the card.',
  },
);

/** A socket of both families calls an IPv4 address so. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');

/**
 * Cards may name the address people know, that of the API: they are sent on to the boot plane, with method and body. Answered before a body is read, and whoever asks
 * again is sent on again, so that the boot plane may move.
 */
export function registerBootPlane(app: FastifyInstance, { bootPlaneUrl }: BootPlaneDeps): void {
  app.all(`${deviceApiBase}/*`, {
    onRequest: async (request, reply) => {
      const url = bootPlaneUrl(plain(request.socket.localAddress ?? ''));
      if (url === undefined) return sendProblem(reply, notKnown, request.id);
      return reply.code(308).header('location', `${url}${request.url}`).header('cache-control', 'no-store').send();
    },
    handler: (request, reply) => sendProblem(reply, notKnown, request.id),
  });
}
