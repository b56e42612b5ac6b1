import { refusal } from '@drover/contract';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendProblem } from '../problem.js';
import { encodingNames, type Asset, type Assets } from './assets.js';

/** Nothing but our own files, nobody's frame, no inline script or style (Content Security Policy Level 3). */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

const guard: Readonly<Record<string, string>> = {
  'content-security-policy': policy,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
};

/** Over plain HTTP browsers ignore the policy about openers, and complain of it on each page. */
const guardOf = ({ protocol }: FastifyRequest): Readonly<Record<string, string>> =>
  protocol === 'https' ? { ...guard, 'cross-origin-opener-policy': 'same-origin' } : guard;

/** Names of these files hold a digest of what is in them. */
const isImmutable = (path: string): boolean => path.startsWith('assets/');

const wantsPage = (request: FastifyRequest): boolean => (request.headers.accept ?? '').includes('text/html');

/** What the caller can unpack; `br;q=0` is a no. */
const encodingFor = (request: FastifyRequest, asset: Asset) => {
  const accepted = new Set(
    String(request.headers['accept-encoding'] ?? '')
      .split(',')
      .map((each) => each.trim().toLowerCase())
      .filter((each) => !/;\s*q=0(\.0*)?$/.test(each))
      .map((each) => each.split(';')[0]?.trim()),
  );
  return encodingNames.find((name) => accepted.has(name) && asset.compressed.has(name));
};

const send = (request: FastifyRequest, reply: FastifyReply, path: string, asset: Asset): FastifyReply => {
  void reply
    .headers({ ...guardOf(request), vary: 'accept-encoding', etag: asset.etag })
    .header('cache-control', isImmutable(path) ? 'public, max-age=31536000, immutable' : 'no-cache');
  if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send();
  void reply.type(asset.type);
  const encoding = encodingFor(request, asset);
  if (encoding === undefined) return reply.send(asset.bytes);
  return reply.header('content-encoding', encoding).send(asset.compressed.get(encoding));
};

const notBuilt = refusal('server.busy', 'This installation has no built dashboard.', {
  remedy: 'Run `npm run build` in the folder of Drover.',
});

const absent = refusal('route.not-found', 'The dashboard has no such file.', {
  remedy: 'Load /ui/ again: after an update its files have other names.',
});

/** The dashboard below `/ui/`: its files by their names, and its page for every address that a browser opens. */
export const registerAssetRoutes = (app: FastifyInstance, assets: () => Promise<Assets | undefined>): void => {
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const known = await assets();
    if (known === undefined) return sendProblem(reply, notBuilt, request.id);
    const path = (request.params as { '*'?: string })['*'] ?? '';
    const asset = known.get(path);
    if (asset !== undefined) return send(request, reply, path, asset);
    const page = isImmutable(path) || (path !== '' && !wantsPage(request)) ? undefined : known.get('index.html');
    if (page === undefined) return sendProblem(reply.headers(guardOf(request)), absent, request.id);
    return send(request, reply, 'index.html', page);
  };
  app.get('/ui', answer);
  app.get('/ui/*', answer);
};
