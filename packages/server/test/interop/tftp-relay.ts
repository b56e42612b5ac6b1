import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** What happens to datagrams, in percent; the same sequence for the same seed. */
export interface Weather {
  readonly loss: number;
  readonly duplication: number;
  readonly reordering: number;
  readonly seed: number;
}

export interface BadNetwork {
  readonly port: number;
  /** Datagrams the server sent and those the client did, before the weather. */
  readonly counts: { fromServer: number; fromClient: number };
  close(): void;
}

/** A UDP relay between TFTP clients and a server that loses, doubles and reorders datagrams in both directions. */
export async function badNetwork(serverPort: number, weather: Weather): Promise<BadNetwork> {
  const front = createSocket('udp4');
  const counts = { fromServer: 0, fromClient: 0 };
  /** For each client a socket towards the server, and the port the server answers it from. */
  const ways = new Map<number, { socket: Socket; serverPort: number }>();
  let state = weather.seed;
  const percent = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % 100;
  };
  const pass = (send: () => void): void => {
    const copies = percent() < weather.duplication ? 2 : 1;
    for (let i = 0; i < copies; i += 1) {
      if (percent() < weather.loss) continue;
      if (percent() < weather.reordering) setTimeout(send, 3 + (percent() % 5)).unref();
      else send();
    }
  };

  front.on('message', (bytes, client) => {
    counts.fromClient += 1;
    const isRequest = bytes[1] === 1;
    let way = ways.get(client.port);
    if (!way || (isRequest && way.serverPort !== serverPort)) {
      way?.socket.close();
      const socket = createSocket('udp4');
      const fresh = { socket, serverPort };
      socket.on('message', (answer, from) => {
        counts.fromServer += 1;
        fresh.serverPort = from.port;
        pass(() => {
          try {
            front.send(answer, client.port, client.address, () => undefined);
          } catch {
            // Held back until the relay was closed.
          }
        });
      });
      socket.on('error', () => undefined);
      way = fresh;
      ways.set(client.port, way);
    }
    const { socket } = way;
    const to = isRequest ? serverPort : way.serverPort;
    pass(() => {
      try {
        socket.send(bytes, to, '127.0.0.1', () => undefined);
      } catch {
        // A late copy of a transfer that is over.
      }
    });
  });
  front.bind(0, '127.0.0.1');
  await once(front, 'listening');
  return {
    port: front.address().port,
    counts,
    close() {
      front.close();
      for (const { socket } of ways.values()) socket.close();
    },
  };
}
