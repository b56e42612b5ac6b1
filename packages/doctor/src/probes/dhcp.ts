import { createSocket, type Socket } from 'node:dgram';
import { randomBytes, randomInt } from 'node:crypto';
import { doctorMacPrefix, type DoctorClient, type Observation } from '@drover/contract';
import {
  addressOption,
  clientGuid,
  createIdentity,
  defaultQuirks,
  discoverPacket,
  eepromWith,
  judgeOffer,
  readReply,
  type DhcpIdentity,
  type DhcpReply,
  type ModelName,
} from '@drover/simulator';
import { codeOf, done, pause, skipped, timestamp, type Card, type Probed, type ProbeContext } from './probe.js';

/**
 * Asks for an address as each kind of board does (wire reference, section 1) and gathers every OFFER. Nothing is taken: no REQUEST follows, as a
 * 3B's ROM sends none either.
 */

const named = { name: 'dhcp', title: 'Who answers boards that ask for an address' };

const serverPort = 67;
const clientPort = 68;
const broadcast = '255.255.255.255';

const models: Readonly<Record<DoctorClient, ModelName>> = { rom: '3b', 'rom-fixed': '3b+', ee: '4b' };
const clients = Object.keys(models) as DoctorClient[];

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A hardware address of the doctor's own block. */
export const doctorMac = (): string => doctorMacPrefix + (hexOf(randomBytes(3)).match(/../g) ?? []).join(':');

interface Played {
  readonly client: DoctorClient;
  readonly board: DhcpIdentity;
  readonly packet: Buffer;
}

const play = (client: DoctorClient): Played => {
  const identity = createIdentity({ model: models[client], serial: hexOf(randomBytes(4)) });
  const board: DhcpIdentity = {
    identity: { ...identity, mac: doctorMac() },
    eeprom: eepromWith(),
    quirks: defaultQuirks,
  };
  return { client, board, packet: discoverPacket(client, board, randomInt(2 ** 32), { broadcastFlag: true }) };
};

/** Printable ASCII without a final NUL, or nothing. */
const plainText = (bytes: Buffer | undefined): string | null => {
  const text = bytes?.toString('latin1').replace(/\0+$/, '') ?? '';
  return /^[\x21-\x7e]{1,255}$/.test(text) ? text : null;
};

const routerOf = (reply: DhcpReply): string | null => {
  const routers = reply.options.get(3);
  return routers !== undefined && routers.length >= 4 ? [...routers.subarray(0, 4)].join('.') : null;
};

const bootOptions = [43, 60, 66, 67];

/** The `file` field of BOOTP (RFC 951). */
const bootpFile = (packet: Buffer): string | null => plainText(packet.subarray(108, 236).subarray(0, 127));

const offerOf = (
  { client, board }: Played,
  reply: DhcpReply,
  packet: Buffer,
  from: string,
): Omit<Extract<Observation, { kind: 'dhcp.offer' }>, 'at' | 'by'> => {
  const { eeprom, quirks } = board;
  const judged = judgeOffer(
    { kind: client, eeprom, quirks, guid: clientGuid(client, board), behindRelay: false },
    reply,
  );
  const file = plainText(reply.options.get(67)) ?? bootpFile(packet.subarray(0, 236));
  return {
    kind: 'dhcp.offer',
    client,
    server: addressOption(reply, 54) ?? from,
    address: reply.yiaddr ?? null,
    netmask: addressOption(reply, 1) ?? null,
    router: routerOf(reply),
    bootOptions: bootOptions.filter((option) => reply.options.has(option)),
    tftpServer: plainText(reply.options.get(66)),
    bootFile: file,
    menu: judged.bootServer !== undefined && judged.byOption66 !== true,
    relay: reply.giaddr ?? null,
  };
};

const open = (address: string, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind(port, address, () => {
      socket.removeAllListeners('error');
      socket.on('error', () => undefined);
      socket.setBroadcast(true);
      resolve(socket);
    });
  });

const whyNot = (error: unknown): string => {
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return `UDP port ${clientPort} needs root, or CAP_NET_BIND_SERVICE`;
    case 'EADDRINUSE':
      return `another program has UDP port ${clientPort} to itself (a DHCP client?)`;
    default:
      return error instanceof Error ? error.message : String(error);
  }
};

/** Two sockets: answers come by broadcast, and questions leave by the card whose address theirs is. */
export const askForAddresses = async (card: Card, seconds: number, context: ProbeContext): Promise<Probed> => {
  const played = clients.map(play);
  const by = `DHCP on ${card.name}`;
  const offers = new Map<string, Observation>();
  const sockets: Socket[] = [];
  const take = (packet: Buffer, from: string): void => {
    const reply = readReply(packet);
    const board = played.find((each) => each.board.identity.mac === reply?.mac);
    if (reply?.type !== 'offer' || board === undefined) return;
    const offer = offerOf(board, reply, packet, from);
    const key = `${offer.client} ${offer.server} ${offer.address ?? ''}`;
    if (!offers.has(key)) offers.set(key, { at: timestamp(context), by, ...offer });
  };
  try {
    const receiver = await open(broadcast, clientPort);
    sockets.push(receiver);
    receiver.on('message', (packet, { address }) => take(packet, address));
    const sender = await open(card.address, clientPort);
    sockets.push(sender);
    // A datagram that cannot leave is one that nobody answers, which is what there is to say.
    const ask = (): void => played.forEach(({ packet }) => sender.send(packet, serverPort, broadcast, () => undefined));
    ask();
    await pause(seconds * 500, context.signal);
    ask();
    await pause(seconds * 500, context.signal);
  } catch (error) {
    return skipped(named, whyNot(error));
  } finally {
    for (const socket of sockets) socket.close();
  }
  const { name, address, netmask } = card;
  const asked: Observation = {
    ...{
      kind: 'dhcp.asked',
      at: timestamp(context),
      by,
      interface: name,
      address,
      netmask,
      clients: [...clients],
      seconds,
    },
  };
  return done(named, [asked, ...offers.values()]);
};
