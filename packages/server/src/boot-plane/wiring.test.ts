import { doctorMacPrefix, doctorProbeFile } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import type {
  BootAnswers,
  BootFiles,
  DhcpDecision,
  DhcpSighting,
  NewEntry,
  TransferEnd,
} from '../app/boot/plane/ports.js';
import type { DhcpObservation } from '../listeners/dhcp/index.js';
import type { TftpTransferEvent } from '../listeners/tftp/index.js';
import { leaseStoreFor, wireDhcp } from './dhcp.js';
import { wireTftp } from './tftp.js';

const mac = 'dc:a6:32:01:02:03';
const seen = (
  change: Partial<DhcpObservation> & { kind?: DhcpObservation['client']['kind']; mac?: string } = {},
): DhcpObservation => ({
  client: {
    kind: change.kind ?? 'ee',
    mac: change.mac ?? mac,
    raspberryPiMac: true,
    why: '',
    serial32: '91cdf03d',
    model: 'cm4s',
  },
  type: 'discover',
  door: 'dhcp',
  xid: 7,
  ...change,
});

function dhcp(decision: Partial<Extract<DhcpDecision, { kind: 'answer' }>> | 'ignore' = {}, offerUnknown = true) {
  const asked: DhcpSighting[] = [];
  const heard: DhcpSighting[] = [];
  const notes: NewEntry[] = [];
  const learnt: string[] = [];
  const others: string[] = [];
  const answers: BootAnswers = {
    dhcp: async (sighting) => {
      asked.push(sighting);
      if (decision === 'ignore') return { kind: 'ignore', reason: 'nobody knows it' };
      return {
        kind: 'answer',
        device: 'd',
        hostname: 'h',
        model: 'pi4',
        bootable: true,
        adopted: true,
        bootFile: null,
        ...decision,
      };
    },
    heard: (sighting) => void heard.push(sighting),
    note: (_mac, entry) => void notes.push(entry),
    learnAddress: (who, address) => void learnt.push(`${who} ${address}`),
  };
  const interfaces = () => [
    { name: 'eth0', address: '10.0.0.1' },
    { name: 'eth1', address: '10.1.0.1' },
  ];
  const wired = wireDhcp({
    ...{ answers, site: 'here', mode: 'proxy', offerUnknown, interfaces, serverAddress: undefined },
    otherServer: ({ server }) => void others.push(server),
  });
  return { ...wired, asked, heard, notes, learnt, others };
}

describe('DHCP and the application', () => {
  it('asks in the application’s words', async () => {
    const it_ = dhcp({ bootFile: 'x/y' });
    expect(await it_.decide(seen({ relay: '10.9.0.1', address: '10.0.0.5' }))).toEqual({
      answer: true,
      bootFile: 'x/y',
    });
    expect(it_.asked).toEqual([
      {
        wire: { site: 'here', mac, firmware: 'ee', isPi: true, model: 'cm4', bootPrefix: '91cdf03d' },
        message: 'discover',
        firmware: true,
        xid: 7,
        interface: 'eth0,eth1',
        relay: '10.9.0.1',
        address: '10.0.0.5',
      },
    ]);
  });

  it('does not answer what has no Ethernet address, nor unknown boards where that is off', async () => {
    expect(await dhcp().decide(seen({ mac: 'aa:bb' }))).toMatchObject({ answer: false });
    const nobodys = { bootable: false, adopted: false };
    expect(await dhcp(nobodys).decide(seen())).toEqual({ answer: true });
    expect(await dhcp(nobodys, false).decide(seen())).toMatchObject({ answer: false });
  });

  it('answers a board of the network doctor that nobody knows, and no other', async () => {
    expect(await dhcp('ignore', false).decide(seen({ mac: `${doctorMacPrefix}00:00:01` }))).toEqual({ answer: true });
    expect(await dhcp('ignore').decide(seen())).toEqual({ answer: false, why: 'nobody knows it' });
  });

  it('tells what needs no answer once, and not what is decided', () => {
    const it_ = dhcp();
    it_.observe({ kind: 'request', observation: seen() });
    it_.observe({ kind: 'request', observation: seen({ type: 'request', address: '10.0.0.9' }) });
    it_.observe({ kind: 'request', observation: seen({ kind: 'other', localAddress: '10.1.0.1' }) });
    expect(it_.heard.map(({ message, firmware, interface: name }) => [message, firmware, name])).toEqual([
      ['request', true, 'eth0,eth1'],
      ['discover', false, 'eth1'],
    ]);
  });

  it('notes offers and rivals, and learns addresses from ACKs', () => {
    const it_ = dhcp();
    const client = seen().client;
    it_.observe({ kind: 'answer', client, type: 'offer', door: 'dhcp', xid: 7, server: '10.0.0.1', ms: 12.6 });
    it_.observe({
      kind: 'other-server',
      server: '10.0.0.254',
      type: 'ack',
      mac,
      xid: 7,
      address: '10.0.0.9',
      conflicts: true,
      options: [66],
    });
    it_.observe({ kind: 'ignored', observation: seen(), why: 'too late' });
    it_.observe({ kind: 'ignored', observation: seen({ kind: 'other' }), why: 'no boot client' });
    expect(it_.notes).toEqual([
      { type: 'dhcp.offer', mac, server: '10.0.0.1', delayMs: 13 },
      { type: 'dhcp.rival', mac, server: '10.0.0.254', options: [66] },
      { type: 'dhcp.ignored', mac, reason: 'too late' },
    ]);
    expect(it_.learnt).toEqual([`${mac} 10.0.0.9`]);
    expect(it_.others).toEqual(['10.0.0.254']);
  });

  it('keeps leases in milliseconds, a declined address under its own name', async () => {
    const saved: unknown[] = [];
    const store = leaseStoreFor(
      {
        load: async () => [{ site: 's', clientId: mac, mac, address: '10.0.0.9', expiresAt: 5999, state: 'bound' }],
        save: (lease) => void saved.push(lease),
      },
      's',
    );
    expect(await store.load()).toEqual([{ mac, address: '10.0.0.9', expiresAt: 5, state: 'bound' }]);
    await store.save({ mac, address: '10.0.0.10', expiresAt: 7, state: 'declined' });
    expect(saved).toEqual([
      { site: 's', clientId: 'declined 10.0.0.10', mac, address: '10.0.0.10', expiresAt: 7000, state: 'declined' },
    ]);
  });
});

describe('TFTP and the application', () => {
  const client = { address: '10.0.0.9', port: 1234 };
  const request = (signal = new AbortController().signal) => ({
    path: 'a/b',
    client,
    localAddress: '10.0.0.1',
    signal,
  });
  const over = (change: Partial<TftpTransferEvent>): TftpTransferEvent => ({
    path: 'a/b',
    client,
    localAddress: '10.0.0.1',
    outcome: { kind: 'complete' },
    size: 10,
    bytes: 10,
    blocks: 1,
    ms: 5.4,
    blksize: 1024,
    windowsize: 1,
    tsize: true,
    retransmits: 0,
    duplicateAcks: 0,
    repeats: 0,
    answered: true,
    ...change,
  });
  const wire = () => {
    const ends: TransferEnd[] = [];
    const files: BootFiles = {
      open: async () => ({
        kind: 'file',
        file: {
          size: 10,
          tag: 't',
          source: { size: 10, segments: [] },
          read: () => new Uint8Array(10),
          end: (end) => ends.push(end),
        },
      }),
    };
    return { ends, ...wireTftp({ files, rules: undefined, onEnd: () => undefined }) };
  };

  it.each<[TftpTransferEvent['outcome'], Partial<TftpTransferEvent>, Partial<TransferEnd>]>([
    [{ kind: 'complete' }, {}, { outcome: 'complete', bytes: 10, ms: 5, blockSize: 1024 }],
    [
      { kind: 'aborted', code: 0, message: 'Early terminate', probe: true },
      {},
      { outcome: 'probe', detail: 'Early terminate' },
    ],
    [{ kind: 'aborted', code: 3, message: 'disk full', probe: false }, {}, { outcome: 'aborted', detail: 'disk full' }],
    [
      { kind: 'timed-out' },
      { bytes: 0, answered: true },
      { outcome: 'timed-out', detail: 'stalled at the first block' },
    ],
    [{ kind: 'timed-out' }, { bytes: 0, answered: false }, { outcome: 'timed-out', detail: 'nothing came back' }],
    [{ kind: 'failed', message: 'unreadable' }, {}, { outcome: 'failed', detail: 'unreadable' }],
  ])('ends a transfer that was %j', async (outcome, change, wanted) => {
    const it_ = wire();
    expect((await it_.open(request())).ok).toBe(true);
    it_.onTransfer(over({ ...change, outcome }));
    it_.onTransfer(over({ outcome }));
    expect(it_.ends).toHaveLength(1);
    expect(it_.ends[0]).toMatchObject(wanted);
  });

  it('has a file of zeros for the network doctor, of nobody’s boot', async () => {
    const it_ = wire();
    const opened = await it_.open({ ...request(), path: doctorProbeFile.path });
    if (!opened.ok) throw new Error(opened.message);
    expect(opened.file.size).toBe(doctorProbeFile.size);
    expect(await opened.file.read(1468, 1468)).toEqual(new Uint8Array(1468));
    it_.onTransfer(over({ path: doctorProbeFile.path }));
    expect(it_.ends).toEqual([]);
  });

  it('ends a file whose client was gone before it was found', async () => {
    const it_ = wire();
    const gone = new AbortController();
    gone.abort();
    expect((await it_.open(request(gone.signal))).ok).toBe(false);
    expect(it_.ends).toMatchObject([{ outcome: 'aborted' }]);
  });

  it('ends the former of two openings under one name', async () => {
    const it_ = wire();
    await it_.open(request());
    await it_.open(request());
    it_.onTransfer(over({}));
    expect(it_.ends.map(({ outcome }) => outcome)).toEqual(['aborted', 'complete']);
  });
});
