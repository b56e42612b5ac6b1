import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decodeDhcp, encodeDhcp, option, readMessageType, readText, type DhcpMessage } from '@drover/protocols/dhcp';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createDhcpListener,
  defaultDhcpSettings,
  systemTimers,
  type DhcpDecision,
  type DhcpEvent,
  type DhcpListenerDeps,
  type DhcpSettings,
} from '../../src/listeners/dhcp/index.js';
import { eventually } from './eventually.js';
import { corpus } from './dhcp-corpus.js';

const server = '127.0.0.1';
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A free UDP port, as far as anyone can know. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

interface Running {
  readonly events: DhcpEvent[];
  readonly ports: DhcpSettings['ports'];
  readonly asked: string[];
}

/** The listener on loopback. Boards reach it as through a relay, each with an address of its own in 127.0.0.0/8. */
async function running(
  decide: (mac: string) => DhcpDecision | Promise<DhcpDecision>,
  change: Partial<DhcpSettings> = {},
  deps: Partial<DhcpListenerDeps> = {},
): Promise<Running> {
  const ports = { server: await freePort(), client: await freePort(), pxe: await freePort() };
  const events: DhcpEvent[] = [];
  const asked: string[] = [];
  const quiet = (): void => undefined;
  const listener = createDhcpListener({
    settings: { ...defaultDhcpSettings, interfaces: [server], ports, relay: 'source-port', delaysMs: {}, ...change },
    decide: async ({ client }) => {
      asked.push(client.mac);
      return decide(client.mac);
    },
    observe: (event) => events.push(event),
    timers: systemTimers,
    epochSeconds: () => Date.now() / 1000,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    ...deps,
  });
  await listener.start(new AbortController().signal);
  closing.push(() => listener.stop());
  return { events, ports, asked };
}

async function board(address: string) {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  closing.push(() => socket.close());
  const answers: { message: DhcpMessage; ms: number; port: number }[] = [];
  const begun = Date.now();
  socket.on('message', (bytes, from) => {
    const decoded = decodeDhcp(bytes);
    if (decoded.ok) answers.push({ message: decoded.message, ms: Date.now() - begun, port: from.port });
  });
  return {
    answers,
    /** Sends a message of the corpus as a relay at this address would. */
    relay(name: string, port: number): void {
      const decoded = decodeDhcp(corpus(name));
      if (!decoded.ok) throw new Error(decoded.error.message);
      socket.send(encodeDhcp({ ...decoded.message, giaddr: address, hops: 1 }), port, server);
    },
    send: (bytes: Uint8Array, port: number): void => socket.send(bytes, port, server),
    answer: () => eventually(() => answers[0] ?? Promise.reject(new Error('no answer'))),
  };
}

const yes: DhcpDecision = { answer: true, bootFile: 'efi/boot.efi' };
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a relayed DISCOVER', () => {
  it('is answered at the relay, from its own port', async () => {
    const { ports, events } = await running(() => yes);
    const pi = await board('127.0.0.41');
    pi.relay('ee-pi4-discover', ports.server);
    const { message, port } = await pi.answer();
    expect(port).toBe(ports.server);
    expect(message).toMatchObject({ giaddr: '127.0.0.41', yiaddr: '0.0.0.0' });
    expect(message.options.get(option.vendorSpecific)).toHaveLength(35);
    expect(events.map(({ kind }) => kind)).toEqual(['request', 'answer']);
    expect(events[0]).toMatchObject({
      observation: { type: 'discover', relay: '127.0.0.41', client: { kind: 'ee', serial32: '91cdf03d' } },
    });
    expect(events[1]).toMatchObject({ type: 'offer', server, door: 'dhcp', client: { mac: 'e4:5f:01:09:02:f7' } });
  });

  it('is not heard when relays are not configured', async () => {
    const { ports, events } = await running(() => yes, { relay: 'off' });
    const pi = await board('127.0.0.41');
    pi.relay('ee-pi4-discover', ports.server);
    await wait(100);
    expect(events).toEqual([]);
  });
});

describe('deciding', () => {
  it('takes its time without delaying anyone else', async () => {
    const slow = 'e4:5f:01:09:02:f7';
    let decide: (decision: DhcpDecision) => void = () => undefined;
    const decided = new Promise<DhcpDecision>((resolve) => (decide = resolve));
    const { ports, asked } = await running((mac) => (mac === slow ? decided : yes), { decideTimeoutMs: 20_000 });
    const [first, second] = [await board('127.0.0.41'), await board('127.0.0.42')];
    first.relay('ee-pi4-discover', ports.server);
    await eventually(() => expect(asked).toContain(slow));
    second.relay('ee-pi5-discover', ports.server);
    await second.answer();
    expect(first.answers).toEqual([]);
    decide(yes);
    await first.answer();
  });

  it('too late, not at all or with "no" leaves the client alone, and says why', async () => {
    const answers: Record<string, () => DhcpDecision | Promise<DhcpDecision>> = {
      'e4:5f:01:09:02:f7': () => new Promise(() => undefined),
      '2c:cf:67:a1:b2:c3': () => Promise.reject(new Error('no backend')),
      'dc:a6:32:01:36:c2': () => ({ answer: false, why: 'not one of ours' }),
    };
    const { ports, events } = await running((mac) => answers[mac]!(), { decideTimeoutMs: 100 });
    const pi = await board('127.0.0.41');
    for (const name of ['ee-pi4-discover', 'ee-pi5-discover', 'ee-pi4-serial-only-discover'])
      pi.relay(name, ports.server);
    const reasons = await eventually(() => {
      const ignored = events.filter((event) => event.kind === 'ignored').map(({ why }) => why);
      expect(ignored).toHaveLength(3);
      return ignored;
    });
    expect(reasons.sort()).toEqual([
      'no decision within 100 ms',
      'not one of ours',
      'the server could not decide; see its log',
    ]);
    expect(pi.answers).toEqual([]);
  });

  it('happens once for a DISCOVER that is repeated meanwhile', async () => {
    const { ports, asked } = await running(async () => {
      await wait(100);
      return yes;
    });
    const pi = await board('127.0.0.41');
    for (let i = 0; i < 3; i += 1) pi.relay('ee-pi4-discover', ports.server);
    await pi.answer();
    await wait(150);
    expect(asked).toHaveLength(1);
    expect(pi.answers).toHaveLength(1);
    pi.relay('ee-pi4-discover', ports.server);
    await eventually(() => expect(pi.answers).toHaveLength(2));
  });

  it('is not asked for what is no boot client, or when too many wait', async () => {
    const { ports, asked, events } = await running(() => new Promise(() => undefined), { pending: 1 });
    const pi = await board('127.0.0.41');
    for (const name of ['udhcpc-discover', 'ee-pi4-discover', 'ee-pi5-discover']) pi.relay(name, ports.server);
    await eventually(() =>
      expect(events).toContainEqual(expect.objectContaining({ why: 'too many requests at once' })),
    );
    expect(asked).toEqual(['e4:5f:01:09:02:f7']);
    expect(events.filter(({ kind }) => kind === 'request')).toHaveLength(3);
  });
});

describe('delays', () => {
  it('are those of the kind of client, or of the decision', async () => {
    const own: Record<string, DhcpDecision> = { '2c:cf:67:a1:b2:c3': { answer: true, delayMs: 1500 } };
    const { ports } = await running((mac) => own[mac] ?? yes, { delaysMs: { rom: 3000 } });
    const [rom, ee, chosen] = [await board('127.0.0.41'), await board('127.0.0.42'), await board('127.0.0.43')];
    rom.relay('rom-3b-discover', ports.server);
    ee.relay('ee-pi4-discover', ports.server);
    chosen.relay('ee-pi5-discover', ports.server);
    expect((await ee.answer()).ms).toBeLessThan(1400);
    const late = await chosen.answer();
    expect(late.ms).toBeGreaterThanOrEqual(1495);
    expect(late.ms).toBeLessThan(2900);
    expect((await rom.answer()).ms).toBeGreaterThanOrEqual(2995);
  });
});

describe('the PXE port', () => {
  it('answers a REQUEST with the file, where it came from', async () => {
    const { ports } = await running(() => yes);
    const machine = await board('127.0.0.41');
    machine.send(corpus('edk2-pxe-request'), ports.pxe);
    const { message, port } = await machine.answer();
    expect(port).toBe(ports.pxe);
    expect(readMessageType(message.options)).toBe('ack');
    expect(message).toMatchObject({ file: 'efi/boot.efi', siaddr: server });
    expect(readText(message.options, option.tftpServerName)).toBe(server);
  });

  it('is silent to a client without a boot file', async () => {
    const { ports, events } = await running(() => ({ answer: true }));
    const machine = await board('127.0.0.41');
    machine.send(corpus('edk2-pxe-request'), ports.pxe);
    await eventually(() =>
      expect(events.at(-1)).toMatchObject({ kind: 'ignored', why: expect.stringMatching(/boot file/) as string }),
    );
    expect(machine.answers).toEqual([]);
  });
});

describe('anything else', () => {
  it('that is no DHCP is dropped without harm', async () => {
    const { ports, events } = await running(() => yes);
    const noise = await board('127.0.0.41');
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(300), Buffer.from('hello'), corpus('dnsmasq-ack')]) {
      noise.send(bytes, ports.server);
      noise.send(bytes, ports.pxe);
    }
    noise.relay('ee-pi4-discover', ports.server);
    await noise.answer();
    expect(events).toHaveLength(2);
  });

  it('does not stop it from stopping, with answers still delayed', async () => {
    const { ports, events } = await running(() => yes, { delaysMs: { ee: 300 } });
    const pi = await board('127.0.0.41');
    pi.relay('ee-pi4-discover', ports.server);
    await eventually(() => expect(events).toHaveLength(1));
    await closing[0]!();
    await wait(400);
    expect(pi.answers).toEqual([]);
    expect(events).toHaveLength(1);
  });
});

describe('a start that fails', () => {
  it('names what holds the PXE port', async () => {
    const { ports } = await running(() => yes);
    const second = running(() => yes, { ports: { ...ports, server: await freePort(), client: await freePort() } });
    await expect(second).rejects.toThrow(new RegExp(`port ${ports.pxe}/udp.*PXE server`));
  });

  it('names interfaces that are not there', async () => {
    await expect(running(() => yes, { interfaces: ['eth77'] })).rejects.toThrow(/eth77 is no interface.*lo \(127/);
  });
});
