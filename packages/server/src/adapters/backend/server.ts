import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { RefusedError } from '@drover/contract';
import type { BootBackend } from '../../app/boot/ports.js';
import type { Log, Service } from '../../app/ports.js';
import { argumentSchemas, isBackendMethod, type BackendMethod } from './schemas.js';

interface Deps {
  readonly backend: BootBackend;
  /** Of the Unix socket; its folder is made when absent. */
  readonly path: string;
  readonly log: Log;
}

/** Largest body: 1,000 telemetry items, a few of them with 64 KiB of log. */
const mostBytes = 32 * 1024 * 1024;
/** sun_path of Linux, with its terminating zero (unix(7)). */
const longestPath = 107;

class BindError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BindError';
  }
}

/** Answers the boot plane on a Unix socket that only this user may open: `POST /backend/<method>` with a JSON list of arguments. */
export function createBackendServer({ backend, path, log }: Deps): Service {
  const server = createServer((request, response) => {
    answer(backend, request, response).catch((error: unknown) => {
      log.error({ err: error, url: request.url }, 'a call of the boot plane failed');
      send(response, 500, { error: 'fault' });
    });
  });
  // The boot plane keeps its connections open over quiet nights.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 60_000;
  return {
    start: async (signal) => {
      signal.throwIfAborted();
      if (Buffer.byteLength(path) > longestPath) {
        throw new BindError(`The path ${path} is too long for a Unix socket: use a data folder with a shorter path.`);
      }
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      // Left behind by a control plane that was killed; a living one holds the data folder's lock.
      await rm(path, { force: true });
      await listen(server, path);
      await chmod(path, 0o600);
      log.info({ path }, 'the control plane answers the boot plane');
    },
    stop: async () => {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      server.closeIdleConnections();
      setTimeout(() => server.closeAllConnections(), 5_000).unref();
      await closed;
      await rm(path, { force: true });
    },
  };
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new BindError(`The socket ${path} cannot be opened: ${cause.message}`, { cause })),
    );
    server.listen(path, () => resolve());
  });

async function answer(backend: BootBackend, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = /^\/backend\/([a-zA-Z]+)$/.exec(request.url ?? '')?.[1] ?? '';
  if (request.method !== 'POST' || !isBackendMethod(name)) return send(response, 404, { error: 'no such method' });
  const body = await bodyOf(request);
  if (body === undefined) return send(response, 413, { error: 'the body is too large' });
  const parsed = parse(name, body);
  if (!parsed.ok) return send(response, 400, { error: parsed.error });
  try {
    return send(response, 200, { value: (await call(backend, name, parsed.args)) ?? null });
  } catch (error) {
    if (error instanceof RefusedError) return send(response, 422, { error: error.refusal.detail });
    throw error;
  }
}

function parse(name: BackendMethod, body: string): { ok: true; args: unknown[] } | { ok: false; error: string } {
  try {
    const parsed = argumentSchemas[name].safeParse(JSON.parse(body));
    if (parsed.success) return { ok: true, args: parsed.data };
    const [issue] = parsed.error.issues;
    return { ok: false, error: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}` };
  } catch {
    return { ok: false, error: 'the body is not JSON' };
  }
}

/** The arguments were checked against the method's own schema just before. */
const call = (backend: BootBackend, name: BackendMethod, args: unknown[]): Promise<unknown> =>
  (backend[name] as (...given: unknown[]) => Promise<unknown>)(...args);

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > mostBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
