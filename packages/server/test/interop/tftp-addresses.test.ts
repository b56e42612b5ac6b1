import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from './eventually.js';
import { content, rawClient, startTftp, type RawClient, type TftpLab } from './tftp-lab.js';

// Addresses that come and go under a running TFTP server. All of 127.0.0.0/8 is there, so that none of this needs a right.

const rrq = (options = ''): string => `\0\x01f\0octet\0${options}`;
const ack = (block: number): Uint8Array => Uint8Array.of(0, 4, block >> 8, block & 0xff);
const bytes = content(1500);

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const server = async (singlePort: boolean): Promise<TftpLab> => {
  const lab = await startTftp(new Map([['f', bytes]]), { singlePort });
  closing.push(() => lab.stop());
  return lab;
};
const client = async (): Promise<RawClient> => {
  const raw = await rawClient();
  closing.push(() => raw.close());
  return raw;
};
const served = ({ listener }: TftpLab): string[] => listener.addresses().map(({ address }) => address);

/** Whether nobody listens there. */
const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createSocket('udp4');
    probe.once('error', () => probe.close(() => resolve(false)));
    probe.bind({ port, address: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });

/** Acknowledges from this block on until the last, which is short; gives what came. */
const finish = async (board: RawClient, first: { bytes: Buffer; port: number }): Promise<Buffer> => {
  const got = [first.bytes.subarray(4)];
  for (let block = 1, port = first.port; ; block += 1) {
    board.send(ack(block), port);
    if ((got.at(-1)?.length ?? 0) < 512) return Buffer.concat(got);
    const next = await board.next();
    got.push(next.bytes.subarray(4));
    port = next.port;
  }
};

describe.each([
  ['a port for each transfer', false],
  ['one port for all', true],
])('with %s', (_name, singlePort) => {
  it('an address that comes is served, and the others go on', async () => {
    const lab = await server(singlePort);
    const board = await client();
    board.send(rrq(), lab.port);
    const first = await board.next();
    expect(await lab.listener.serve(['127.0.0.1', '127.0.0.2'])).toEqual([]);
    expect(served(lab)).toEqual(['127.0.0.1', '127.0.0.2']);
    expect(lab.listener.addresses()[0]?.port).toBe(lab.port);
    expect((await finish(board, first)).equals(bytes)).toBe(true);
  });

  it('one that goes takes no more requests, and its transfer comes to its end', async () => {
    const lab = await server(singlePort);
    const board = await client();
    board.send(rrq(), lab.port);
    const first = await board.next();
    await lab.listener.serve(['127.0.0.2']);
    expect(served(lab)).toEqual(['127.0.0.2']);
    expect(await isFree(lab.port)).toBe(false);
    const late = await client();
    late.send(rrq(), lab.port);
    expect((await finish(board, first)).equals(bytes)).toBe(true);
    const [event] = await lab.ended(1);
    expect(event).toMatchObject({ outcome: { kind: 'complete' }, bytes: bytes.length });
    await eventually(async () => expect(await isFree(lab.port)).toBe(true));
    expect(late.waiting()).toBe(0);
    expect(lab.events).toHaveLength(1);
  });

  it('one that comes back while a transfer still runs is the same as before', async () => {
    const lab = await server(singlePort);
    const board = await client();
    board.send(rrq(), lab.port);
    const first = await board.next();
    await lab.listener.serve([]);
    await lab.listener.serve(['127.0.0.1']);
    expect(lab.listener.addresses()).toEqual([{ address: '127.0.0.1', port: lab.port }]);
    const other = await client();
    other.send(rrq(), lab.port);
    expect((await finish(other, await other.next())).equals(bytes)).toBe(true);
    expect((await finish(board, first)).equals(bytes)).toBe(true);
    await lab.ended(2);
    expect(await isFree(lab.port)).toBe(false);
  });
});

it('an address that is taken, or not there, is named and does not keep others from being served', async () => {
  const lab = await server(false);
  // 192.0.2.0/24 is for documentation (RFC 5737).
  const refused = await lab.listener.serve(['192.0.2.7', '127.0.0.3']);
  expect(refused.map(({ address }) => address)).toEqual(['192.0.2.7']);
  expect(refused[0]?.error.message).toMatch(/192\.0\.2\.7 .*no interface has this address/);
  expect(served(lab)).toEqual(['127.0.0.3']);
});

it('stops while an address is opened, and leaves nothing open', async () => {
  const lab = await server(false);
  const serving = lab.listener.serve(['127.0.0.1', '127.0.0.4']);
  await lab.stop();
  await serving;
  expect(served(lab)).toEqual([]);
  expect(await isFree(lab.port)).toBe(true);
});
