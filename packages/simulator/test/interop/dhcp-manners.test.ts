import { afterEach, describe, expect, it } from 'vitest';
import { createBoard } from '../../src/board.js';
import { createIdentity } from '../../src/identity.js';
import type { BoardStep, BootResult, EepromSettings } from '../../src/types.js';
import { udpServer, type ScriptedServer } from '../support/udp-server.js';

const hex = (text: string): string => Buffer.from(text).toString('hex');
const menu = '0601030a04005058450917000014' + hex('Raspberry Pi Boot   ') + 'ff';
const option = (code: number, value: string): string =>
  code.toString(16).padStart(2, '0') + (value.length / 2).toString(16).padStart(2, '0') + value;

/** A full DHCP server's answer with these changes, to whoever asked. */
const answer = (
  request: Buffer,
  type: string,
  changes: { readonly xid?: string; readonly mac?: string; readonly address?: string } = {},
): Buffer => {
  const xid = changes.xid ?? request.subarray(4, 8).toString('hex');
  const mac = changes.mac ?? request.subarray(28, 34).toString('hex');
  const guidAt = request.indexOf(Buffer.from('6111', 'hex'));
  const guid = request.subarray(guidAt + 2, guidAt + 19).toString('hex');
  const head =
    `02010601${xid}00000000` +
    '00000000' +
    (changes.address ?? '0a000032') +
    '00000000' +
    '7f100001' +
    mac +
    '00'.repeat(202);
  const options =
    option(53, type) + option(54, '7f000001') + option(60, hex('PXEClient')) + option(97, guid) + option(43, menu);
  return Buffer.from(head + '63825363' + options + 'ff', 'hex');
};

const typeOf = (packet: Buffer): number => packet[242] ?? 0;

describe('DHCP of an EEPROM board against a server that hands out addresses', () => {
  let server: ScriptedServer | undefined;
  afterEach(() => server?.close());

  const boot = async (
    reply: (request: Buffer) => readonly Buffer[],
    eeprom: Partial<EepromSettings> = {},
  ): Promise<{ result: BootResult; steps: BoardStep[] }> => {
    server = await udpServer((packet) => reply(packet));
    const steps: BoardStep[] = [];
    const board = createBoard({
      identity: createIdentity({ model: '4b', serial: '91cdf03d', mac: 'e4:5f:01:09:02:f7' }),
      network: {
        mode: 'relay',
        address: '127.16.0.1',
        relayPort: 40_068,
        server: '127.0.0.1',
        dhcpPort: server.port,
        tftpPort: 9,
      },
      eeprom: { TFTP_FILE_TIMEOUT: 5000, ...eeprom },
      clockScale: 0.01,
      onStep: (step) => steps.push(step),
    });
    return { result: await board.boot(), steps };
  };

  const reasonOf = (result: BootResult): string =>
    result.ok ? 'up' : `${result.failure.step}:${result.failure.reason}`;

  it('asks for the offered address by name, and goes on after the ACK', async () => {
    const { result, steps } = await boot((request) => [answer(request, typeOf(request) === 1 ? '02' : '05')]);
    expect(reasonOf(result)).toBe('network:timeout');
    expect(steps.find(({ type }) => type === 'dhcp-ack')).toMatchObject({ address: '10.0.0.50', from: '127.0.0.1' });
    const request = server?.received.find((packet) => typeOf(packet) === 3);
    expect(request?.toString('hex')).toContain('63825363' + '350103' + '32040a000032' + '36047f000001' + '370e');
    expect(request?.subarray(4, 8)).toEqual(server?.received[0]?.subarray(4, 8));
    expect(request?.subarray(24, 28).toString('hex')).toBe('7f100001');
  });

  it('a NAK, or silence after the REQUEST, ends the attempt', async () => {
    const refused = await boot((request) => [answer(request, typeOf(request) === 1 ? '02' : '06')]);
    expect(reasonOf(refused.result)).toBe('dhcp:no-ack');
    server?.close();
    const silent = await boot((request) => (typeOf(request) === 1 ? [answer(request, '02')] : []));
    expect(reasonOf(silent.result)).toBe('dhcp:no-ack');
    expect(server?.received.filter((packet) => typeOf(packet) === 3)).toHaveLength(12);
  });

  it.each([
    ['another transaction', { xid: '01020304' }],
    ['another board', { mac: 'e45f01000000' }],
  ])('an OFFER for %s is not its own', async (_name, changes) => {
    const { result } = await boot((request) => [answer(request, '02', changes)]);
    expect(reasonOf(result)).toBe('dhcp:no-offer');
  });

  it('waits five seconds and starts over: the failure says so', async () => {
    const { result } = await boot(() => []);
    expect(result).toMatchObject({ ok: false, failure: { then: 'retry', retryAfterMs: 5000 } });
  });

  it('counts DHCP_REQ_TIMEOUT within DHCP_TIMEOUT', async () => {
    await boot(() => [], { DHCP_TIMEOUT: 10_000, DHCP_REQ_TIMEOUT: 3000 });
    expect(server?.received).toHaveLength(4);
  });

  it('garbage is no offer', async () => {
    const { result } = await boot((request) => [
      Buffer.alloc(0),
      Buffer.from('hello'),
      request,
      request.subarray(0, 100),
    ]);
    expect(reasonOf(result)).toBe('dhcp:no-offer');
  });
});
