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
  readonly metrics: Pick<HttpMetrics, 'observe'>;
  readonly clock: Clock;
  readonly stopping: AbortSignal;
}

const route = '/boot/:id/config';
/** Nothing in it is encoded: what is goes the long way. */
const requestLine = /^GET \/boot\/([A-Za-z0-9:._-]{1,128})\/config(?:\?apiKey=([A-Za-z0-9._~-]+))? HTTP\/1\.1$/;
/** What comes with a request and changes nothing of its answer. */
const harmless = new Set(['user-agent', 'accept']);
const mostHeads = 1000;

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
  // Boards of one kind send the same fields each time.
  const heads = new Map<string, Head | null>();
  const kept = new WeakMap<CardBytes, Written>();

  const known = (fields: string): Head | undefined => {
    let head = heads.get(fields);
    if (head === undefined) {
      if (heads.size >= mostHeads) heads.clear();
      head = headOf(fields, publicUrl) ?? null;
      heads.set(fields, head);
    }
    return head ?? undefined;
  };

  return (request) => {
    const end = request.indexOf('\r\n');
    if (end < 0 || !request.endsWith('\r\n\r\n') || stopping.aborted) return undefined;
    const [, card, inAddress] = requestLine.exec(request.slice(0, end)) ?? [];
    if (card === undefined) return undefined;
    const head = known(request.slice(end + 2, -2));
    const key = head?.key ?? inAddress;
    if (head === undefined || key === undefined) return undefined;
    const began = performance.now();
    const config = cards.quick(key, card)?.bytes(head.base);
    if (config === undefined) return undefined;
    const second = Math.floor(clock.now() / 1000);
    let written = head.isLast ? undefined : kept.get(config);
    if (written?.second !== second) {
      written = write(config, second, head.isLast);
      if (!head.isLast) kept.set(config, written);
    }
    metrics.observe({ method: 'GET', route, status: 200, seconds: (performance.now() - began) / 1000 });
    return { bytes: written.bytes, isLast: head.isLast };
  };
};
