import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createSink } from '../../src/byte-sink.js';
import { createClock } from '../../src/clock.js';
import { eepromWith } from '../../src/settings.js';
import { tftpRead, type TftpManners, type TftpResult } from '../../src/tftp-client.js';
import { eepromManners, romManners } from '../../src/transports.js';
import { runs } from '../support/runs.js';
import { tftpServer, type ScriptedServer, type TransferScript } from '../support/udp-server.js';

const content = Buffer.from(Array.from({ length: 3000 }, (_, index) => index & 0xff));
const word = (value: number): Buffer => Buffer.from([(value >> 8) & 0xff, value & 0xff]);
const data = (block: number, bytes: Buffer): Buffer => Buffer.concat([word(3), word(block), bytes]);
const blockOf = (block: number, size: number): Buffer =>
  data(block, content.subarray((block - 1) * size, block * size));
const optionAck = (text: string): Buffer => Buffer.concat([word(6), Buffer.from(text, 'latin1')]);
const error = (code: number, text: string): Buffer => Buffer.concat([word(5), word(code), Buffer.from(`${text}\0`)]);
const isAck = (packet: Buffer): boolean => packet.readUInt16BE(0) === 4;
const ackOf = (packet: Buffer): number => packet.readUInt16BE(2);

const fast = createClock(0.05);
const modern = eepromManners(eepromWith({}));

describe('a transfer against a server that misbehaves', () => {
  let server: ScriptedServer | undefined;
  afterEach(() => server?.close());

  const fetch = async (
    script: TransferScript,
    manners: TftpManners = modern,
  ): Promise<{ result: TftpResult; bytes: Buffer }> => {
    server = await tftpServer(script);
    const sink = createSink({ keep: true, hash: false });
    const result = await tftpRead({ server: '127.0.0.1', port: server.port, path: 'f', manners, sink }, fast);
    return { result, bytes: sink.finish().bytes ?? Buffer.alloc(0) };
  };

  const plain =
    (size: number): TransferScript =>
    (packet, send) => {
      send(blockOf(isAck(packet) ? ackOf(packet) + 1 : 1, size));
    };

  it('takes blocks of 512 from a server that ignores options', async () => {
    const { result, bytes } = await fetch(plain(512));
    expect(result).toMatchObject({ outcome: 'ok', size: 3000, blockSize: 512 });
    expect(bytes.equals(content)).toBe(true);
  });

  it('takes a smaller block size than it asked for, not a larger one', async () => {
    const acknowledging =
      (size: number): TransferScript =>
      (packet, send) =>
        send(isAck(packet) ? blockOf(ackOf(packet) + 1, size) : optionAck(`blksize\0${size}\0tsize\x003000\0`));
    expect((await fetch(acknowledging(1000))).result).toMatchObject({ outcome: 'ok', blockSize: 1000 });
    server?.close();
    expect((await fetch(acknowledging(1469))).result).toMatchObject({
      outcome: 'refused',
      message: expect.stringContaining('1469') as string,
    });
    server?.close();
    expect((await fetch(acknowledging(512), romManners)).result).toMatchObject({ outcome: 'refused' });
  });

  it('each block twice: the file is right, and each copy is acknowledged once', async () => {
    const answered = new Set<number>();
    const { bytes } = await fetch((packet, send) => {
      const next = isAck(packet) ? ackOf(packet) + 1 : 1;
      if (answered.has(next) || next > 6) return;
      answered.add(next);
      for (const copy of [blockOf(next, 512), blockOf(next, 512)]) send(copy);
    });
    expect(bytes.equals(content)).toBe(true);
    const acks = server?.received.filter(isAck).length ?? 0;
    expect(acks).toBeGreaterThanOrEqual(10);
    expect(acks).toBeLessThanOrEqual(12);
  });

  it('an EEPROM before 2021-02 leaves a duplicate unanswered', async () => {
    const old = eepromManners(eepromWith({ date: '2020-09-03' }));
    let copies = 0;
    const { result } = await fetch((packet, send) => {
      const next = isAck(packet) ? ackOf(packet) + 1 : 1;
      if (next === 2 && copies < 3) for (; copies < 3; copies += 1) send(blockOf(1, 512));
      send(blockOf(next, 512));
    }, old);
    expect(result.outcome).toBe('ok');
    expect(server?.received.filter((packet) => isAck(packet) && ackOf(packet) === 1)).toHaveLength(1);
  });

  it('does not listen to a stranger’s port', async () => {
    const { bytes } = await fetch((packet, send, stranger) => {
      const next = isAck(packet) ? ackOf(packet) + 1 : 1;
      if (next > 1) {
        stranger(data(next, Buffer.alloc(512, 0xee)));
        stranger(error(1, 'not yours'));
      }
      setTimeout(() => send(blockOf(next, 512)), 5);
    });
    expect(bytes.equals(content)).toBe(true);
  });

  it('asks again when a block is lost, and when the request itself is', async () => {
    const lost = new Set<number>();
    const { result, bytes } = await fetch((packet, send) => {
      const next = isAck(packet) ? ackOf(packet) + 1 : 1;
      if (lost.has(next) || next === 2) send(blockOf(next, 512));
      lost.add(next);
    });
    expect(result.outcome).toBe('ok');
    expect(result.resent).toBe(5);
    expect(bytes.equals(content)).toBe(true);
  });

  it.each([
    ['not found', error(1, 'File not found'), { outcome: 'not-found', message: 'File not found' }],
    ['access violation', error(2, 'no'), { outcome: 'refused', message: 'no' }],
    ['disk full in the middle', error(3, 'full'), { outcome: 'refused' }],
  ])('%s', async (_name, packet, expected) => {
    expect((await fetch((_packet, send) => send(packet))).result).toMatchObject(expected);
  });

  it('a block larger than agreed ends the transfer with an ERROR', async () => {
    const { result } = await fetch((packet, send) =>
      send(isAck(packet) ? data(1, Buffer.alloc(1469)) : optionAck('blksize\x001468\0')),
    );
    expect(result).toMatchObject({ outcome: 'refused' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(server?.received.at(-1)?.readUInt16BE(0)).toBe(5);
  });

  it('a server that falls silent in the middle costs the file’s time-out', async () => {
    const { result } = await fetch((packet, send) => {
      if (!isAck(packet) || ackOf(packet) < 2) send(blockOf(isAck(packet) ? ackOf(packet) + 1 : 1, 512));
    });
    expect(result).toMatchObject({ outcome: 'timeout', size: 1024 });
    expect(result.resent).toBeGreaterThan(10);
  });

  it('a probe ends with "Early terminate" whether the server sent an OACK or a block', async () => {
    for (const first of [optionAck('tsize\x003000\0'), blockOf(1, 512)]) {
      server = await tftpServer((packet, send) => (packet.readUInt16BE(0) === 1 ? send(first) : undefined));
      const result = await tftpRead({ server: '127.0.0.1', port: server.port, path: 'f', manners: modern }, fast);
      expect(result.outcome).toBe('terminated');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(server.received.at(-1)?.toString('latin1')).toBe('\0\x05\0\0Early terminate\0');
      server.close();
    }
    server = undefined;
  });

  it('an abort ends it at once', async () => {
    server = await tftpServer(() => undefined);
    const power = new AbortController();
    const running = tftpRead(
      { server: '127.0.0.1', port: server.port, path: 'f', manners: modern },
      createClock(),
      power.signal,
    );
    setTimeout(() => power.abort(new Error('unplugged')), 20);
    await expect(running).rejects.toThrow('unplugged');
  });

  it('random bytes as answers never break it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 6 }), async (answers) => {
        const evil = await tftpServer((_packet, send) => {
          for (const answer of answers) send(Buffer.from(answer));
          send(error(1, 'end'));
        });
        const sink = createSink({ keep: true, hash: false });
        const manners = { ...modern, fileTimeoutMs: 4000 };
        const result = await tftpRead({ server: '127.0.0.1', port: evil.port, path: 'f', manners, sink }, fast);
        evil.close();
        expect(['ok', 'not-found', 'refused', 'timeout']).toContain(result.outcome);
      }),
      runs('TFTP answers', 50),
    );
  });
});
