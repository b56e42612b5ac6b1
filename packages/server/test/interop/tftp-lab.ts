import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  createTftpListener,
  defaultTftpSettings,
  systemTimers,
  type TftpListener,
  type TftpListenerDeps,
  type TftpSettings,
  type TftpTransferEvent,
} from '../../src/listeners/tftp/index.js';

const quiet = (): void => undefined;
export const silentLog = { debug: quiet, info: quiet, warn: quiet, error: quiet };

export interface TftpLab {
  readonly port: number;
  readonly listener: TftpListener;
  readonly events: TftpTransferEvent[];
  /** Waits until so many transfers are over. */
  ended(count: number): Promise<TftpTransferEvent[]>;
  stop(): Promise<void>;
}

/** Our TFTP server on a free loopback port, with these files. */
export async function startTftp(
  files: ReadonlyMap<string, Uint8Array>,
  change: Partial<TftpSettings> = {},
  deps: Partial<TftpListenerDeps> = {},
): Promise<TftpLab> {
  const events: TftpTransferEvent[] = [];
  const listener = createTftpListener({
    settings: { ...defaultTftpSettings, addresses: ['127.0.0.1'], port: 0, ...change },
    open: async ({ path }) => {
      const bytes = files.get(path);
      if (!bytes) return { ok: false, code: 1, message: `${path} is not here` };
      const read = async (offset: number, length: number): Promise<Uint8Array> =>
        bytes.subarray(offset, offset + length);
      return { ok: true, file: { size: bytes.length, shareKey: path, read } };
    },
    onTransfer: (event) => events.push(event),
    timers: systemTimers,
    log: silentLog,
    ...deps,
  });
  await listener.start(new AbortController().signal);
  return {
    port: listener.addresses()[0]!.port,
    listener,
    events,
    async ended(count) {
      for (const until = Date.now() + 20_000; events.length < count && Date.now() < until;) await sleep(10);
      return events;
    },
    stop: () => listener.stop(),
  };
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Bytes that differ everywhere, the same in each run. */
export function content(size: number): Uint8Array {
  const bytes = Buffer.alloc(size);
  let state = size + 1;
  for (let i = 0; i < size; i += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

type Fetch = (port: number, name: string, out: string) => readonly [program: string, args: readonly string[]];

const atftp =
  (...options: string[]): Fetch =>
  (port, name, out) => [
    'atftp',
    [...options.flatMap((option) => ['--option', option]), '-g', '-r', name, '-l', out, '127.0.0.1', String(port)],
  ];

/** TFTP clients no one here wrote. */
export const clients: Readonly<Record<string, Fetch>> = {
  'tftp-hpa': (port, name, out) => ['tftp', ['-m', 'binary', '127.0.0.1', String(port), '-c', 'get', name, out]],
  'atftp, 1468 bytes': atftp('blksize 1468', 'tsize 0'),
  'atftp, windows of 8': atftp('blksize 1468', 'windowsize 8'),
  'atftp, windows of 16': atftp('blksize 1024', 'windowsize 16'),
  // curl takes a size of 0 in an OACK for an error, whoever says it: for an empty file it has to ask without options.
  curl: (port, name, out) => {
    const options = name.endsWith('/0') ? ['--tftp-no-options'] : ['--tftp-blksize', '1468'];
    return ['curl', ['-sS', ...options, `tftp://127.0.0.1:${port}/${name}`, '-o', out]];
  },
  'busybox tftp, 1468 bytes': (port, name, out) => [
    'busybox',
    ['tftp', '-b', '1468', '-g', '-r', name, '-l', out, '127.0.0.1', String(port)],
  ],
};

const run = promisify(execFile);

/** What a client got, or what it said when it failed. */
export async function fetchWith(
  fetch: Fetch,
  port: number,
  name: string,
): Promise<{ bytes?: Uint8Array; said: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-tftp-'));
  const out = join(folder, 'out');
  try {
    const [program, args] = fetch(port, name, out);
    const result = await run(program, [...args], { timeout: 110_000 }).catch((error: unknown) => {
      const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string };
      return { failed: true, stderr, stdout };
    });
    const said = `${result.stdout}${result.stderr}`;
    if ('failed' in result) return { said };
    const bytes = await readFile(out).catch(() => undefined);
    return bytes ? { bytes, said } : { said };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface RawClient {
  readonly socket: Socket;
  readonly port: number;
  send(bytes: Uint8Array | string, port: number): void;
  /** The next datagram, with the port it came from. */
  next(): Promise<{ bytes: Buffer; port: number }>;
  /** Datagrams that came and were not taken with `next`. */
  waiting(): number;
  close(): void;
}

/** A client that sends just what a test wants. */
export async function rawClient(): Promise<RawClient> {
  const socket = createSocket('udp4');
  const arrived: { bytes: Buffer; port: number }[] = [];
  socket.on('message', (bytes, { port }) => arrived.push({ bytes, port }));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    socket,
    port: socket.address().port,
    send: (bytes, port) =>
      socket.send(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, port, '127.0.0.1'),
    async next() {
      // Counted, not timed: on a machine that stood still meanwhile, what came then is still to be looked at.
      for (let looks = 0; looks < 2500; looks += 1) {
        const first = arrived.shift();
        if (first) return first;
        await sleep(2);
      }
      throw new Error('nothing came within 5 s');
    },
    waiting: () => arrived.length,
    close: () => socket.close(),
  };
}
