import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { DeviceConsole } from '@drover/contract';
import { createTelnetClient } from '@drover/protocols/telnet';
import type { ConsoleLine } from '../../app/consoles/ports.js';
import { addressOf, type ConsoleGuard } from './guard.js';

type TcpConsole = Extract<DeviceConsole, { kind: 'tcp' }>;

/** How long the other side may take to answer that it is there, when nothing is said, ms. */
const keepAliveMs = 30_000;
/** Somebody who takes nothing at all is not waited for without end, ms. */
const writeMs = 10_000;

/** A serial line that a ser2net or a terminal server gives. */
export async function openTcp(console: TcpConsole, guard: ConsoleGuard, signal: AbortSignal): Promise<ConsoleLine> {
  const host = await addressOf(console.host, guard);
  signal.throwIfAborted();
  const socket = connect({
    host,
    port: console.port,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveMs,
    noDelay: true,
  });
  const onAbort = (): void => void socket.destroy(new Error('it did not answer in time'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await once(socket, 'connect');
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  // Whoever reads is told; until then it would be a fault of the process.
  socket.on('error', () => undefined);
  return lineOf(socket, console.telnet);
}

function lineOf(socket: Socket, isTelnet: boolean): ConsoleLine {
  const telnet = isTelnet ? createTelnetClient() : undefined;
  const send = (bytes: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('it takes no keys')), writeMs);
      socket.write(bytes, (error) => {
        clearTimeout(late);
        if (error == null) resolve();
        else reject(error);
      });
    });
  return {
    output: (async function* () {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        const { data, reply } = telnet?.read(chunk) ?? { data: chunk, reply: new Uint8Array() };
        if (reply.length > 0) await send(reply);
        if (data.length > 0) yield data;
      }
    })(),
    write: (bytes) => send(telnet?.write(bytes) ?? bytes),
    close: async () => {
      if (socket.closed) return;
      socket.destroy();
      await once(socket, 'close');
    },
  };
}
