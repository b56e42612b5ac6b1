import type { IncomingMessage, ServerResponse } from 'node:http';
import { BeatForm, CardQuery, DisksQuery, ExchangeForm, ReportQuery, SessionId } from '@drover/contract';
import type { ZodError } from 'zod';
import type { CardBoots } from '../../../app/boot/plane/card-boots.js';
import type { DeviceApi, DeviceRefusal, ExchangeAnswered } from '../../../app/boot/plane/device-api.js';
import type { GrantedRoot } from '../../../app/boot/ports.js';
import type { Clock, Log } from '../../../app/ports.js';
import { beginCardBoot } from './card-route.js';
import { formFields, readBody } from './body.js';
import { respondWithFile } from './file-response.js';
import type { RateLimit } from './rate-limit.js';
import { refuseBody, sendLines, sendNothing, sendRefusal, sendText } from './reply.js';
import type { SendDeps } from './send-file.js';

/** The routes of contract/device-api. */
export interface DeviceRoutesDeps {
  readonly api: DeviceApi;
  readonly cards: CardBoots;
  readonly send: SendDeps;
  readonly clock: Clock;
  readonly log: Log;
  /** Requests of one address, and wrong secrets or credentials of one address. */
  readonly requests: RateLimit;
  readonly refusals: RateLimit;
  readonly exports: {
    /** Where boards attach disks. */
    port(): number;
    /** What a board calls a disk, and what it adds to that when it goes on from another address. */
    nameFor(session: string, what: string): { readonly name: string; readonly moveSecret: string } | undefined;
  };
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly address: string;
}

const mostForm = 4 * 1024;
const mostLog = 64 * 1024;

/** `path` is what follows `/device/v1`. */
export async function serveDevice(deps: DeviceRoutesDeps, call: Call, path: string): Promise<void> {
  const { request, response, address } = call;
  if (!deps.requests.allow(address)) return tooMany(response);
  if (path === '/time') {
    if (request.method !== 'GET') return methodNotAllowed(response, 'GET');
    return sendLines(response, { time: seconds(deps.clock) });
  }
  if (path === '/boots') {
    if (request.method !== 'POST') return methodNotAllowed(response, 'POST');
    // Keys of cards can be guessed at as secrets can.
    return deps.refusals.allow(address) ? beginCardBoot(deps.cards, request, response, address) : tooMany(response);
  }
  const [, id, action] =
    /^\/sessions\/(bs_[0-9A-Z]{1,40})\/(exchange|card|root|boot|config|delta|identity|files|disks|reports|beat)$/.exec(
      path,
    ) ?? [];
  if (id === undefined || !SessionId.safeParse(id).success) {
    return sendRefusal(response, 'route.not-found', 'There is nothing at this address.');
  }
  switch (action) {
    case 'exchange':
      return request.method === 'POST' ? exchange(deps, call, id) : methodNotAllowed(response, 'POST');
    case 'reports':
      return request.method === 'POST' ? report(deps, call, id) : methodNotAllowed(response, 'POST');
    case 'beat':
      return request.method === 'POST' ? beat(deps, call, id) : methodNotAllowed(response, 'POST');
    case 'disks':
      return isRead(request) ? disks(deps, call, id) : methodNotAllowed(response, 'GET, HEAD');
    case 'card':
      return isRead(request) ? card(deps, call, id) : methodNotAllowed(response, 'GET, HEAD');
    case 'root':
    case 'boot':
    case 'config':
    case 'delta':
      return isRead(request) ? download(deps, call, id, action) : methodNotAllowed(response, 'GET, HEAD');
    case 'files':
      return isRead(request) ? archive(deps, call, id, 'files') : methodNotAllowed(response, 'GET, HEAD');
    default:
      return isRead(request) ? archive(deps, call, id, 'identity') : methodNotAllowed(response, 'GET, HEAD');
  }
}

const seconds = (clock: Clock): number => Math.floor(clock.now() / 1000);
const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD';

const methodNotAllowed = (response: ServerResponse, allow: string): void =>
  sendRefusal(response, 'method.not-allowed', `Use ${allow}.`, { headers: { allow } });

const tooMany = (response: ServerResponse): void =>
  sendRefusal(response, 'server.busy', 'Too many requests from this address.', { retryAfter: 5 });

async function exchange(deps: DeviceRoutesDeps, { request, response, address }: Call, id: string): Promise<void> {
  const body = await readBody(request, mostForm);
  if (body === undefined) return refuseBody(request, response, mostForm);
  const form = ExchangeForm.safeParse(formFields(body.toString('utf8')));
  if (!form.success) return refuseForm(response, form.error);
  if (!deps.refusals.allow(address)) return tooMany(response);
  const answer: ExchangeAnswered = await deps.api.exchange(id, form.data, address);
  if (answer.kind !== 'granted') return refuse(response, answer);
  const root = rootLines(deps, id, answer.root);
  if (root === undefined) return refuse(response, { kind: 'not-ready', retryAfter: 2, reason: 'the server starts' });
  return sendLines(response, {
    credential: answer.credential,
    hostname: answer.hostname,
    time: seconds(deps.clock),
    overlaySize: answer.overlaySize,
    ...root,
  });
}

function mountLines({
  mode,
  mount,
}: Extract<GrantedRoot, { mode: 'nfs' }>): Record<string, string | number> | undefined {
  if (mount === undefined) return undefined;
  const { path, port, mountPort, versions } = mount;
  return { mode, nfsPath: path, nfsPort: port, nfsMountPort: mountPort, nfsVersions: versions };
}

function rootLines(
  { exports }: DeviceRoutesDeps,
  session: string,
  root: GrantedRoot,
): Record<string, string | number> | undefined {
  if (root.mode === 'sd') return { mode: root.mode };
  if (root.mode === 'ram') return { mode: root.mode, rootSha256: root.digest, rootSize: root.size };
  if (root.mode === 'nfs') return mountLines(root);
  const named = exports.nameFor(session, root.what);
  if (named === undefined) return undefined;
  return {
    mode: root.mode,
    nbdPort: exports.port(),
    nbdExport: named.name,
    nbdSecret: named.moveSecret,
    nbdPartition: root.partition,
    nbdFs: root.fileSystem,
  };
}

function refuse(response: ServerResponse, refused: DeviceRefusal): void {
  if (refused.kind === 'gone') {
    return sendRefusal(response, 'card.not-promised', 'The server no longer has what this card was promised.', {
      remedy: 'Ask again what the card is to hold.',
    });
  }
  if (refused.kind === 'not-ready') {
    return sendRefusal(response, 'server.busy', `Not yet: ${refused.reason}.`, { retryAfter: refused.retryAfter });
  }
  return sendRefusal(response, 'session.credential-refused', `Refused: ${refused.reason}.`, {
    remedy: 'Start the board again: a new boot gets a new secret.',
  });
}

/** A signed answer costs a signature and a transaction: no more of them than exchanges. */
async function card(deps: DeviceRoutesDeps, { request, response, url, address }: Call, id: string): Promise<void> {
  const query = CardQuery.safeParse(Object.fromEntries(url.searchParams));
  if (!query.success) return refuseQuery(response, query.error);
  if (!deps.refusals.allow(address)) return tooMany(response);
  const granted = await deps.api.card(id, request.headers.authorization, query.data.nonce);
  return granted.kind === 'granted' ? sendText(response, 200, granted.value) : refuse(response, granted);
}

async function download(
  deps: DeviceRoutesDeps,
  { request, response }: Call,
  id: string,
  which: 'root' | 'boot' | 'config' | 'delta',
): Promise<void> {
  const { authorization } = request.headers;
  const granted = await (which === 'root'
    ? deps.api.root(id, authorization)
    : deps.api.cardFile(id, authorization, which));
  if (granted.kind !== 'granted') return refuse(response, granted);
  const opened = granted.value;
  const began = deps.clock.now();
  let served: Awaited<ReturnType<typeof respondWithFile>> = { outcome: 'failed', bytes: 0 };
  try {
    served = await respondWithFile(request, response, opened.source, opened.tag, deps.send);
    if (served.fault !== undefined)
      deps.log.error({ err: served.fault, session: id, which }, 'a download of a board could not be sent');
  } finally {
    if (request.method === 'GET') opened.end({ ...served, ms: deps.clock.now() - began });
  }
}

async function archive(
  { api }: DeviceRoutesDeps,
  { request, response }: Call,
  id: string,
  which: 'identity' | 'files',
): Promise<void> {
  const granted = await api[which](id, request.headers.authorization);
  if (granted.kind !== 'granted') return refuse(response, granted);
  response.writeHead(200, {
    'content-type': 'application/x-tar',
    'content-length': granted.value.length,
    'cache-control': 'no-store',
  });
  response.end(request.method === 'HEAD' ? undefined : granted.value);
}

/** Held until there is news. */
async function disks({ api, exports }: DeviceRoutesDeps, call: Call, id: string): Promise<void> {
  const { request, response, url } = call;
  const says = DisksQuery.safeParse(Object.fromEntries(url.searchParams));
  if (!says.success) return refuseQuery(response, says.error);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const granted = await api.disks(id, request.headers.authorization, says.data, gone.signal);
  if (granted.kind !== 'granted') return refuse(response, granted);
  const lines: [string, string | number][] = [
    ['version', granted.value.version],
    ['port', exports.port()],
  ];
  const { files } = granted.value;
  if (files !== undefined) lines.push(['files', files]);
  for (const [index, disk] of granted.value.disks.entries()) {
    const named = exports.nameFor(id, disk.id);
    if (named === undefined) return refuse(response, { kind: 'not-ready', retryAfter: 2, reason: 'the server starts' });
    if (index === 0) lines.push(['secret', named.moveSecret]);
    const access = disk.access === 'read-write' ? 'rw' : 'ro';
    const state = disk.leave ? 'leave' : 'keep';
    lines.push(['disk', [disk.id, disk.name, access, state, named.name].join(':')]);
  }
  return sendLines(response, lines);
}

const fieldsOf = (error: ZodError): string => error.issues.map((issue) => issue.path.join('.')).join(', ');

function refuseForm(response: ServerResponse, error: ZodError): void {
  sendRefusal(response, 'request.invalid', `The form's fields are not valid: ${fieldsOf(error)}.`);
}

function refuseQuery(response: ServerResponse, error: ZodError): void {
  sendRefusal(response, 'request.invalid', `The query's fields are not valid: ${fieldsOf(error)}.`);
}

async function report(deps: DeviceRoutesDeps, { request, response, url }: Call, id: string): Promise<void> {
  const body = await readBody(request, mostLog);
  if (body === undefined) return refuseBody(request, response, mostLog);
  const query = ReportQuery.safeParse(Object.fromEntries(url.searchParams));
  if (!query.success) return refuseQuery(response, query.error);
  const refused = deps.api.report(id, request.headers.authorization, query.data, logText(body));
  return refused === undefined ? sendNothing(response) : refuse(response, refused);
}

async function beat({ api }: DeviceRoutesDeps, { request, response }: Call, id: string): Promise<void> {
  const body = await readBody(request, mostForm);
  if (body === undefined) return refuseBody(request, response, mostForm);
  const form = BeatForm.safeParse(formFields(body.toString('utf8')));
  if (!form.success) return refuseForm(response, form.error);
  const granted = api.beat(id, request.headers.authorization, form.data);
  return granted.kind === 'granted' ? sendLines(response, granted.value) : refuse(response, granted);
}

/** As text that any database takes: a console sends what it likes. */
const logText = (body: Buffer): string => body.toString('utf8').replaceAll('\0', '\uFFFD').slice(0, mostLog);
