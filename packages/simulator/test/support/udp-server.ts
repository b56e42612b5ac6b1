/** A UDP server on loopback that answers as a test tells it to, packet by packet. */
import { createSocket, type Socket } from 'node:dgram';

export interface Peer {
  readonly address: string;
  readonly port: number;
}

export interface ScriptedServer {
  readonly port: number;
  /** Everything received on the listening port, in order. */
  readonly received: Buffer[];
  /** May be called again. */
  close(): void;
}

const open = (port: number, onPacket: (socket: Socket, packet: Buffer, from: Peer) => void): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.on('message', (packet, from) => onPacket(socket, packet, from));
    socket.bind(port, '127.0.0.1', () => resolve(socket));
  });

/** Answers each datagram with what `answer` returns, to where it came from. */
export const udpServer = async (answer: (packet: Buffer, from: Peer) => readonly Buffer[]): Promise<ScriptedServer> => {
  const received: Buffer[] = [];
  const socket = await open(0, (own, packet, from) => {
    received.push(packet);
    for (const reply of answer(packet, from)) own.send(reply, from.port, from.address);
  });
  const opened = [socket];
  return { port: socket.address().port, received, close: () => opened.splice(0).forEach((own) => own.close()) };
};

export interface TransferScript {
  /** Packets sent for a request or an acknowledgement; `send` may also be kept for later, or sent from a stranger's port. */
  (packet: Buffer, send: (reply: Buffer) => void, stranger: (reply: Buffer) => void): void;
}

/** A TFTP server: each request gets a port of its own, on which the script plays. */
export const tftpServer = async (script: TransferScript): Promise<ScriptedServer> => {
  const received: Buffer[] = [];
  const opened: Socket[] = [];
  const play = async (request: Buffer, client: Peer): Promise<void> => {
    const stranger = await open(0, () => undefined);
    const step = (own: Socket, packet: Buffer): void => {
      received.push(packet);
      script(
        packet,
        (reply) => own.send(reply, client.port, client.address),
        (reply) => stranger.send(reply, client.port, client.address),
      );
    };
    const transfer = await open(0, step);
    opened.push(stranger, transfer);
    step(transfer, request);
  };
  const door = await open(0, (_socket, packet, from) => void play(packet, from));
  opened.push(door);
  return { port: door.address().port, received, close: () => opened.splice(0).forEach((socket) => socket.close()) };
};
