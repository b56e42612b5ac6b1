import { Agent, request as httpRequest } from 'node:http';
import { withTimeLimit } from '@drover/contract';
import type { BootBackend } from '../../app/boot/ports.js';
import type { DiskOrder } from '../../app/disks/orders.js';
import { methodPath, type BackendMethod } from './schemas.js';

/**
 * `away`: the control plane is not there, or did not answer in time: try again. `refused`: it will never take this call. `fault`: it failed; it may not the
 * next time.
 */
export type BackendErrorKind = 'away' | 'refused' | 'fault';

export class BackendError extends Error {
  readonly kind: BackendErrorKind;
  constructor(kind: BackendErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BackendError';
    this.kind = kind;
  }
}

export interface BackendClient extends BootBackend {
  close(): void;
}

/** Longest wait for an answer, ms. The exchange may have to make a host key. */
const limits: Readonly<Record<BackendMethod, number>> = {
  bootKey: 5_000,
  identify: 5_000,
  admitCard: 5_000,
  tree: 10_000,
  attachments: 5_000,
  filesDigest: 5_000,
  files: 10_000,
  exchange: 20_000,
  cardAnswer: 10_000,
  cardPromise: 10_000,
  cardConfig: 10_000,
  telemetry: 15_000,
  leases: 5_000,
  saveLease: 5_000,
  diskOrders: 15_000,
};

/** Calls the control plane through its socket. Every call rejects with a BackendError when it is not answered. */
export function createBackendClient(
  path: string,
  more: { readonly limits?: Partial<typeof limits> } = {},
): BackendClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 16, maxFreeSockets: 4 });
  const limitOf = (method: BackendMethod): number => more.limits?.[method] ?? limits[method];
  const call = async <T>(method: BackendMethod, ...args: unknown[]): Promise<T> =>
    (await post(agent, path, method, JSON.stringify(args), AbortSignal.timeout(limitOf(method)))) as T;
  return {
    bootKey: () => call('bootKey'),
    identify: (wire) => call('identify', wire),
    admitCard: (request) => call('admitCard', request),
    tree: (digest) => call('tree', digest),
    attachments: (device) => call('attachments', device),
    filesDigest: (device) => call('filesDigest', device),
    files: (session) => call('files', session),
    exchange: (request) => call('exchange', request),
    cardAnswer: (question) => call('cardAnswer', question),
    cardPromise: (session) => call('cardPromise', session),
    cardConfig: (session, digest) => call('cardConfig', session, digest),
    telemetry: (batch, items) => call('telemetry', batch, items),
    leases: (site) => call('leases', site),
    saveLease: (lease) => call('saveLease', lease),
    diskOrders: async (known, reports, signal) => {
      const ms = limitOf('diskOrders');
      const limit = signal === undefined ? AbortSignal.timeout(ms) : withTimeLimit(signal, ms);
      return (await post(agent, path, 'diskOrders', JSON.stringify([known, reports]), limit)) as readonly DiskOrder[];
    },
    close: () => agent.destroy(),
  };
}

function post(
  agent: Agent,
  socketPath: string,
  method: BackendMethod,
  body: string,
  signal: AbortSignal,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const away = (cause: unknown): void => {
      const why = cause instanceof Error ? cause.message : String(cause);
      reject(new BackendError('away', `the control plane did not answer ${method}: ${why}`, { cause }));
    };
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = httpRequest(
      { agent, socketPath, path: methodPath(method), method: 'POST', headers, signal },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', away);
        response.on('end', () => {
          try {
            resolve(valueOf(method, response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8')));
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        });
      },
    );
    sent.on('error', away);
    sent.end(body);
  });
}

function valueOf(method: BackendMethod, status: number, text: string): unknown {
  if (status === 200) return (JSON.parse(text) as { value: unknown }).value;
  const kind = status >= 400 && status < 500 ? 'refused' : 'fault';
  throw new BackendError(kind, `the control plane answered ${method} with ${status}: ${text.slice(0, 500)}`);
}
