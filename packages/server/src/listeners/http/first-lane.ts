import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Answers a whole request, in latin1, or leaves it to the HTTP server: undefined. `isLast`: the connection ends with it. */
export type Quick = (request: string) => { readonly bytes: Buffer; readonly isLast: boolean } | undefined;

/** A request that is longer is none of those that are answered quickly. */
const longest = 2048;

/**
 * Puts a quick way before an HTTP server. What comes on a connection is looked at as long as each piece of it is one request that the quick way answers; at the
 * first that is not, the connection is the HTTP server's, with that piece, for good. So what is read here needs to be right only for the plainest requests.
 *
 * Returns what ends the connections that are not the HTTP server's, all of which are idle.
 */
export function putFirst(server: Server, quick: Quick, idleMs: number): () => void {
  const theirs = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
  const ours = new Set<Socket>();

  const take = (socket: Socket): void => {
    const onData = (piece: Buffer): void => {
      const answer = piece.length > longest ? undefined : quick(piece.toString('latin1'));
      if (answer === undefined) handOver(piece);
      else if (answer.isLast) socket.end(answer.bytes);
      else if (!socket.write(answer.bytes)) socket.pause();
    };
    const onDrain = (): void => void socket.resume();
    const onEnd = (): void => void socket.end();
    const destroy = (): void => void socket.destroy();
    const onClose = (): void => void ours.delete(socket);
    const listeners = { data: onData, drain: onDrain, end: onEnd, timeout: destroy, error: destroy, close: onClose };
    const handOver = (piece: Buffer): void => {
      ours.delete(socket);
      for (const [event, listener] of Object.entries(listeners)) socket.off(event, listener);
      socket.setTimeout(0);
      socket.pause();
      socket.unshift(piece);
      for (const listener of theirs) listener.call(server, socket);
      socket.resume();
    };
    ours.add(socket);
    for (const [event, listener] of Object.entries(listeners)) socket.on(event, listener);
    socket.setTimeout(idleMs);
  };

  server.removeAllListeners('connection');
  server.on('connection', take);
  return () => {
    for (const socket of ours) socket.destroy();
  };
}
