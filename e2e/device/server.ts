import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createReadStream } from 'node:fs';
import type { AddressInfo } from 'node:net';
import type { ReportQuery } from '@drover/contract';

/** One report as it came, in order. */
export interface Report {
  readonly step: string;
  readonly state: string;
  readonly uptime: number;
  readonly message: string;
  readonly log: string | undefined;
  readonly body: string;
  readonly credential: 'secret' | 'session' | 'none';
}

/** What the server does wrong, for a while. Counters go down to zero. */
export interface Faults {
  /** Exchanges answered with 503 and `Retry-After: 1`. */
  notReady?: number;
  /** Every exchange is refused with 403. */
  refuse?: boolean;
  /** Downloads whose bytes are wrong. */
  corrupt?: number;
  /** Downloads cut after this share of the bytes still to come. */
  cutAfter?: number[];
  /** Bytes the root is said to have. */
  size?: number;
  /** Requests dropped without an answer. */
  dropped?: number;
}

export interface RootBlob {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** The root as a network block device, instead of one to download. */
export interface AttachedRoot {
  readonly mode: 'nbd' | 'stream';
  readonly port: number;
  readonly name: string;
  readonly partition: number;
  readonly fs: string;
}

export interface DeviceServerOptions {
  readonly root: RootBlob;
  readonly attached?: AttachedRoot;
  readonly identityTar: Buffer;
  readonly hostname: string;
  readonly faults?: Faults;
}

/** Serves what packages/contract/src/device-api.ts says, to one board: the board's side is under test, not a server of ours. */
export interface DeviceServer {
  readonly port: number;
  readonly session: string;
  readonly secret: string;
  readonly reports: Report[];
  /** Ranges asked of the root, as they came; '' for a whole one. */
  readonly ranges: string[];
  /** Nonces of exchanges. */
  readonly nonces: string[];
  /** Resolves with the report once it is there. */
  report(step: string, state: string, timeoutMs: number): Promise<Report>;
  /** The same for a log sent with a step, `kernel` or `initramfs`. */
  log(step: string, kind: string, timeoutMs: number): Promise<Report>;
  close(): Promise<void>;
}

const session = 'bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N';
const secret = '0123456789abcdef0123456789abcdef';
const credential = `${'a'.repeat(32)}.${'b'.repeat(64)}`;

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function lines(response: ServerResponse, values: Record<string, string | number>): void {
  const text = Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(text) }).end(text);
}

function refuse(response: ServerResponse, status: number, detail: string, headers: Record<string, string> = {}): void {
  response
    .writeHead(status, { 'content-type': 'application/problem+json', ...headers })
    .end(JSON.stringify({ code: 'session.credential-refused', detail }));
}

class Board {
  readonly reports: Report[] = [];
  readonly ranges: string[] = [];
  readonly nonces: string[] = [];
  private readonly waiters = new Set<() => void>();
  private readonly options: DeviceServerOptions;
  private readonly faults: Faults;

  constructor(options: DeviceServerOptions) {
    this.options = options;
    this.faults = { ...options.faults };
  }

  onReport(check: () => void): () => void {
    this.waiters.add(check);
    return () => this.waiters.delete(check);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://board');
    if ((this.faults.dropped ?? 0) > 0) {
      this.faults.dropped = (this.faults.dropped ?? 0) - 1;
      request.socket.destroy();
      return;
    }
    const base = `/device/v1/sessions/${session}`;
    if (url.pathname === '/device/v1/time') return lines(response, { time: Math.floor(Date.now() / 1000) });
    if (url.pathname === `${base}/exchange`) return this.exchange(await bodyOf(request), response);
    if (url.pathname === `${base}/reports`) return this.report(url, request, response);
    if (request.headers.authorization !== `Bearer ${credential}`) return refuse(response, 403, 'no credential');
    if (url.pathname === `${base}/identity`) {
      response.writeHead(200, { 'content-length': this.options.identityTar.length }).end(this.options.identityTar);
      return;
    }
    if (url.pathname === `${base}/root`) return this.root(request, response);
    return refuse(response, 404, 'nothing here');
  }

  private exchange(body: string, response: ServerResponse): void {
    const form = new URLSearchParams(body);
    this.nonces.push(form.get('nonce') ?? '');
    if (this.faults.refuse === true) return refuse(response, 403, 'The secret was used by another board.');
    if ((this.faults.notReady ?? 0) > 0) {
      this.faults.notReady = (this.faults.notReady ?? 0) - 1;
      return refuse(response, 503, 'packing: 10 %', { 'retry-after': '1' });
    }
    if (form.get('secret') !== secret) return refuse(response, 403, 'wrong secret');
    return lines(response, {
      credential,
      hostname: this.options.hostname,
      time: Math.floor(Date.now() / 1000),
      overlaySize: '50%',
      ...this.rootLines(),
    });
  }

  private rootLines(): Record<string, string | number> {
    const { root, attached } = this.options;
    if (attached === undefined)
      return { mode: 'ram', rootSha256: root.sha256, rootSize: this.faults.size ?? root.size };
    const { mode, port, name, partition, fs } = attached;
    return { mode, nbdPort: port, nbdExport: name, nbdPartition: partition, nbdFs: fs };
  }

  private async report(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const query = Object.fromEntries(url.searchParams) as unknown as Partial<ReportQuery>;
    const authorization = request.headers.authorization;
    this.reports.push({
      step: query.step ?? '',
      state: query.state ?? '',
      uptime: Number(query.uptime),
      message: query.message ?? '',
      log: query.log,
      body: await bodyOf(request),
      credential:
        authorization === `Secret ${secret}` ? 'secret' : authorization === `Bearer ${credential}` ? 'session' : 'none',
    });
    response.writeHead(204).end();
    for (const check of this.waiters) check();
  }

  private root(request: IncomingMessage, response: ServerResponse): void {
    const { path, size } = this.options.root;
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    this.ranges.push(request.headers.range ?? '');
    if (from > 0)
      response.writeHead(206, { 'content-length': size - from, 'content-range': `bytes ${from}-${size - 1}/${size}` });
    else response.writeHead(200, { 'content-length': size });
    const cut = this.faults.cutAfter?.shift();
    const corrupt = (this.faults.corrupt ?? 0) > 0;
    if (corrupt) this.faults.corrupt = (this.faults.corrupt ?? 0) - 1;
    const end = cut === undefined ? size - 1 : from + Math.floor((size - from) * cut);
    const stream = createReadStream(path, { start: from, end });
    let first = corrupt;
    stream.on('data', (chunk) => {
      const bytes = Buffer.from(chunk as Buffer);
      if (first) bytes[100] = (bytes[100] ?? 0) ^ 0xff;
      first = false;
      if (!response.write(bytes)) {
        stream.pause();
        response.once('drain', () => stream.resume());
      }
    });
    stream.on('end', () => {
      if (cut === undefined) response.end();
      else setTimeout(() => request.socket.destroy(), 500);
    });
    response.on('close', () => stream.destroy());
  }
}

export async function createDeviceServer(options: DeviceServerOptions): Promise<DeviceServer> {
  const board = new Board(options);
  const server: Server = createServer((request, response) => {
    board.handle(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const waitFor = (what: string, fits: (report: Report) => boolean, timeoutMs: number): Promise<Report> =>
    new Promise((resolve, reject) => {
      const settle = (): void => {
        const report = board.reports.find(fits);
        if (report === undefined) return;
        clearTimeout(timer);
        stop();
        resolve(report);
      };
      const stop = board.onReport(settle);
      const timer = setTimeout(() => {
        stop();
        const seen = board.reports.map((each) => `${each.step} ${each.state} ${each.message}`).join('\n');
        reject(new Error(`no ${what} in ${timeoutMs} ms; there were:\n${seen}`));
      }, timeoutMs);
      settle();
    });
  return {
    ...{ port: (server.address() as AddressInfo).port, session, secret },
    ...{ reports: board.reports, ranges: board.ranges, nonces: board.nonces },
    report: (step, state, timeoutMs) =>
      waitFor(
        `report ${step} ${state}`,
        (report) => report.step === step && report.state === state && report.log === undefined,
        timeoutMs,
      ),
    log: (step, kind, timeoutMs) =>
      waitFor(`${kind} log of ${step}`, (report) => report.step === step && report.log === kind, timeoutMs),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
