import { createSender, type SenderAction, type TftpPlan, type TftpSender } from '../../src/tftp/index.js';

/** What a network does to a packet, in percent. */
export interface Weather {
  readonly loss: number;
  readonly duplication: number;
  /** Packets that take up to 50 ms longer than the ones sent after them. */
  readonly reordering: number;
}

/** How clients differ in what they answer to blocks they did not expect. */
export type Manner = 'acks-every-stray' | 'acks-first-stray' | 'silent-on-strays';

export interface Report {
  readonly outcome: string;
  readonly received: Uint8Array;
  readonly dataPackets: number;
  readonly ticks: number;
  readonly mostUnacked: number;
}

type Packet = { readonly to: 'client' | 'server'; readonly block: number };

/** Virtual milliseconds one way. */
const latency = 5;
const clientPatience = 700;
const horizon = 4_000_000;

/**
 * One transfer over a bad network in virtual time, with a receiver written from RFC 1350 and RFC 7440 that keeps nothing
 * it did not expect. Blocks travel by their low 16 bits, as on the wire.
 */
export function transfer(
  plan: TftpPlan,
  file: Uint8Array,
  weather: Weather,
  manner: Manner,
  random: (below: number) => number,
): Report {
  const sender = createSender(plan);
  const queue: { at: number; packet: Packet | 'client-timer' | 'server-timer'; serial: number }[] = [];
  const received: number[] = [];
  let now = 0;
  let expected = 1;
  let inWindow = 0;
  let clientDone = false;
  let clientTimer = 0;
  let serverTimer = 0;
  let strayAnswered = false;
  let dataPackets = 0;
  let ticks = 0;
  let mostUnacked = 0;

  const later = (ms: number, packet: (typeof queue)[number]['packet'], serial = 0): void => {
    const at = now + ms;
    let i = queue.length;
    while (i > 0 && queue[i - 1]!.at > at) i -= 1;
    queue.splice(i, 0, { at, packet, serial });
  };
  const post = (packet: Packet): void => {
    const copies = random(100) < weather.duplication ? 2 : 1;
    for (let i = 0; i < copies; i += 1) {
      if (random(100) < weather.loss) continue;
      later(latency + (random(100) < weather.reordering ? random(50) : 0), packet);
    }
  };
  const acknowledge = (): void => {
    inWindow = 0;
    post({ to: 'server', block: (expected - 1) & 0xffff });
    later(clientPatience, 'client-timer', (clientTimer += 1));
  };
  const act = (action: SenderAction): void => {
    if (action === 'oack') post({ to: 'client', block: -1 });
    if (action === 'blocks') {
      for (let block = sender.from; block < sender.to; block += 1) {
        dataPackets += 1;
        post({ to: 'client', block });
      }
      mostUnacked = Math.max(mostUnacked, sender.to - 1 - sender.counters().blocks);
    }
    if (action === 'oack' || action === 'blocks') later(sender.waitMs, 'server-timer', (serverTimer += 1));
  };
  const onBlock = (block: number): void => {
    if (block === -1) {
      if (expected === 1) acknowledge();
      return;
    }
    // The client sees 16 bits; a stray from a whole roll-over ago would fool any client and cannot be this late.
    if ((block & 0xffff) !== (expected & 0xffff)) {
      if (manner === 'silent-on-strays' || (manner === 'acks-first-stray' && strayAnswered)) return;
      strayAnswered = true;
      return acknowledge();
    }
    strayAnswered = false;
    const data = file.subarray((block - 1) * plan.blksize, block * plan.blksize);
    for (const byte of data) received.push(byte);
    expected += 1;
    inWindow += 1;
    if (data.length < plan.blksize) clientDone = true;
    if (clientDone || inWindow >= plan.windowsize) acknowledge();
  };

  act(sender.start());
  for (let event = queue.shift(); event && !sender.outcome && now < horizon; event = queue.shift()) {
    now = event.at;
    const { packet, serial } = event;
    if (packet === 'client-timer') {
      if (serial === clientTimer) acknowledge();
    } else if (packet === 'server-timer') {
      if (serial !== serverTimer) continue;
      ticks += 1;
      act(sender.tick());
    } else if (packet.to === 'client') {
      onBlock(packet.block);
    } else {
      act(sender.receive(Uint8Array.of(0, 4, packet.block >> 8, packet.block & 0xff)));
    }
  }
  return { outcome: outcomeOf(sender), received: Uint8Array.from(received), dataPackets, ticks, mostUnacked };
}

const outcomeOf = (sender: TftpSender): string => sender.outcome?.kind ?? 'unfinished';
