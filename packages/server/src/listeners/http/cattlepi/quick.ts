import type { CardBytes } from '../../../app/configs/card-cache.js';
import type { Cards } from '../../../app/configs/cards.js';
import type { Clock } from '../../../app/ports.js';
import type { Quick } from '../first-lane.js';
import type { HttpMetrics } from '../metrics.js';
import { baseOf } from './access.js';
import { configHeaders } from './routes.js';

export interface QuickDeps {
  readonly cards: Pick<Cards, 'quick'>;
  readonly publicUrl: string | undefined;
  readonly metrics: Pick<HttpMetrics, 'quick'>;
  readonly clock: Clock;
  readonly stopping: AbortSignal;
}

/** Nothing in it is encoded: what is goes the long way. */
const requestLine = /^GET \/boot\/([A-Za-z0-9:._-]{1,128})\/config(?:\?apiKey=([A-Za-z0-9._~-]+))? HTTP\/1\.1$/;
/** What comes with a request and changes nothing of its answer. */
const harmless = new Set(['user-agent', 'accept']);
/** Requests that are known again as a whole: boards of one kind send the same each time, for each card one. */
const mostKnown = 20_000;

/** What the header fields of a request say. */
interface Head {
  readonly base: string;
  readonly key: string | undefined;
  readonly isLast: boolean;
}

/**
 * Takes header fields apart, each with its end of line (RFC 9112, section 5). Undefined for any that this way does not know: another form of the key, a body, a
 * question whether something changed, an address that only a proxy knows.
 */
function headOf(fields: string, publicUrl: string | undefined): Head | undefined {
  const found = new Map<string, string>();
  for (const line of fields.split('\r\n').slice(0, -1)) {
    const [, name, value] = /^([A-Za-z-]+):[ \t]*([!-~](?:[ -~]*[!-~])?)[ \t]*$/.exec(line) ?? [];
    const folded = name?.toLowerCase();
    if (folded === undefined || value === undefined || found.has(folded)) return undefined;
    found.set(folded, value);
  }
  const [host, key, connection] = ['host', 'x-api-key', 'connection'].map((name) => {
    const value = found.get(name);
    found.delete(name);
    return value;
  });
  if (![...found.keys()].every((name) => harmless.has(name))) return undefined;
  const isLast = connection?.toLowerCase() === 'close';
  if (connection !== undefined && !isLast && connection.toLowerCase() !== 'keep-alive') return undefined;
  const base = host === undefined ? undefined : baseOf(publicUrl, 'http', host);
  return base === undefined ? undefined : { base, key, isLast };
}

/** A request for the config of a card. */
interface Asked {
  readonly key: string;
  readonly card: string;
  readonly base: string;
  readonly isLast: boolean;
}

function askedBy(request: string, publicUrl: string | undefined): Asked | undefined {
  const end = request.indexOf('\r\n');
  if (end < 0 || !request.endsWith('\r\n\r\n')) return undefined;
  const [, card, inAddress] = requestLine.exec(request.slice(0, end)) ?? [];
  if (card === undefined) return undefined;
  const head = headOf(request.slice(end + 2, -2), publicUrl);
  const key = head?.key ?? inAddress;
  return head === undefined || key === undefined ? undefined : { key, card, base: head.base, isLast: head.isLast };
}

/** An answer as it goes out, for as long as its date holds. */
interface Written {
  readonly second: number;
  readonly bytes: Buffer;
}

function write(config: CardBytes, second: number, isLast: boolean): Written {
  const fields = Object.entries(configHeaders(config)).map(([name, value]) => `${name}: ${value}\r\n`);
  const connection = isLast ? 'connection: close\r\n' : 'connection: keep-alive\r\n';
  const date = `date: ${new Date(second * 1000).toUTCString()}\r\n`;
  const head = `HTTP/1.1 200 OK\r\n${fields.join('')}${date}${connection}\r\n`;
  return { second, bytes: Buffer.concat([Buffer.from(head, 'latin1'), config.body]) };
}

/**
 * The config of a card that asked before. A thousand cards that look for news every ten minutes ask nothing else, so this way is short: no route, no query, no
 * line in the log. Everything unusual goes the long way, to the same answer.
 */
export const createQuick = ({ cards, publicUrl, metrics, clock, stopping }: QuickDeps): Quick => {
  const known = new Map<string, Asked>();
  const kept = new WeakMap<CardBytes, Written>();
  const keep = (request: string, asked: Asked): void => {
    if (known.size >= mostKnown) known.clear();
    known.set(request, asked);
  };

  return (request) => {
    if (stopping.aborted) return undefined;
    const before = known.get(request);
    const asked = before ?? askedBy(request, publicUrl);
    if (asked === undefined) return undefined;
    const { key, card, base, isLast } = asked;
    const config = cards.quick(key, card)?.bytes(base);
    if (config === undefined) return undefined;
    if (before === undefined) keep(request, asked);
    const second = Math.floor(clock.now() / 1000);
    let written = isLast ? undefined : kept.get(config);
    if (written?.second !== second) {
      written = write(config, second, isLast);
      if (!isLast) kept.set(config, written);
    }
    metrics.quick();
    return { bytes: written.bytes, isLast };
  };
};
