import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Switched } from '../../../src/app/power/ports.js';

/*
 * Plugs and power managers as their makers describe them. What they say and how they let somebody in is written from those pages; nothing is
 * shared with the driver.
 */

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Plug {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly seen: Seen[];
  /** By the number of the output, as the plug counts them. */
  readonly outputs: Map<string, Switched>;
  readonly stop: () => Promise<void>;
}

type Answer = (seen: Seen, url: URL, outputs: Map<string, Switched>, response: ServerResponse) => void;

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

/** A plug that answers like this. */
export const startPlug = async (
  answer: Answer,
  tls?: { readonly key: string; readonly cert: string },
): Promise<Plug> => {
  const seen: Seen[] = [];
  const outputs = new Map<string, Switched>();
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void bodyOf(request).then((body) => {
      const { method = '', url = '', headers } = request;
      const one = { method, url, headers, body };
      seen.push(one);
      answer(one, new URL(url, 'http://plug'), outputs, response);
    });
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    outputs,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};

const json = (response: ServerResponse, value: unknown, status = 200): void => {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
};

export interface Account {
  readonly username: string;
  readonly password: string;
}

const sha256 = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

/** The check of RFC 7616, 3.4.1 as a device with one account does it; each nonce is good for one request, as before firmware 2.0. */
const digestGuard = ({ username, password }: Account) => {
  const realm = 'shellyplusplugs-e465b8b3c3f4';
  const nonces = new Set<string>();
  return ({ method, url, headers }: Seen, response: ServerResponse): boolean => {
    const given = headers.authorization ?? '';
    const field = (name: string): string =>
      new RegExp(`[ ,]${name}=(?:"([^"]*)"|([^ ,]*))`)
        .exec(given)
        ?.slice(1)
        .find((text) => text !== undefined) ?? '';
    const secret = sha256(`${username}:${realm}:${password}`);
    const request = sha256(`${method}:${field('uri')}`);
    const proof = sha256([secret, field('nonce'), field('nc'), field('cnonce'), field('qop'), request].join(':'));
    if (
      given.startsWith('Digest ') &&
      nonces.delete(field('nonce')) &&
      field('uri') === url &&
      field('username') === username &&
      field('nc') === '00000001' &&
      field('qop') === 'auth' &&
      field('cnonce') !== '' &&
      field('response') === proof
    )
      return true;
    const nonce = randomBytes(4).toString('hex');
    nonces.add(nonce);
    response
      .writeHead(401, {
        'WWW-Authenticate': `Digest qop="auth", realm="${realm}", nonce="${nonce}", algorithm=SHA-256`,
      })
      .end();
    return false;
  };
};

/** Four switches, RPC by GET. */
export const startShellyGen2 = (account?: Account): Promise<Plug> => {
  const guard = account && digestGuard(account);
  return startPlug((seen, url, outputs, response) => {
    if (guard !== undefined && !guard(seen, response)) return;
    const id = url.searchParams.get('id') ?? '';
    const on = url.searchParams.get('on');
    if (!/^[0-3]$/.test(id))
      return json(response, { code: -105, message: `Argument 'id', value ${id} not found!` }, 500);
    const was = outputs.get(id) === 'on';
    if (url.pathname === '/rpc/Switch.GetStatus')
      return json(response, { id: Number(id), source: 'HTTP_in', output: was, temperature: { tC: 41.2, tF: 106.2 } });
    if (url.pathname !== '/rpc/Switch.Set' || !/^(true|false)$/.test(on ?? ''))
      return json(response, { code: -103, message: 'Invalid argument' }, 500);
    outputs.set(id, on === 'true' ? 'on' : 'off');
    json(response, { was_on: was });
  });
};

const isLetIn = ({ headers }: Seen, { username, password }: Account): boolean =>
  headers.authorization === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** Two relays. */
export const startShellyGen1 = (account?: Account): Promise<Plug> =>
  startPlug((seen, url, outputs, response) => {
    if (account !== undefined && !isLetIn(seen, account)) {
      response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="Shelly"' }).end('401 Unauthorized');
      return;
    }
    const [, channel] = /^\/relay\/([01])$/.exec(url.pathname) ?? [];
    if (channel === undefined) {
      response.writeHead(404).end('Not Found');
      return;
    }
    const turn = url.searchParams.get('turn');
    if (turn === 'on' || turn === 'off') outputs.set(channel, turn);
    const ison = outputs.get(channel) === 'on';
    json(response, { ison, has_timer: false, timer_started: 0, timer_duration: 0, timer_remaining: 0, source: 'http' });
  });

/** Relays `count`; one alone has no number. A wrong password is answered by a warning. */
export const startTasmota = (count: number, account?: Account): Promise<Plug> =>
  startPlug((_seen, url, outputs, response) => {
    const { searchParams } = url;
    if (
      account !== undefined &&
      (searchParams.get('user') !== account.username || searchParams.get('password') !== account.password)
    )
      return json(response, { WARNING: 'Need user=<username>&password=<password>' });
    const [, number = '', to] = /^power(\d?)(?: (on|off))?$/i.exec(searchParams.get('cmnd') ?? '') ?? [];
    const output = number === '' ? '1' : number;
    if (url.pathname !== '/cm' || Number(output) > count) return json(response, { Command: 'Unknown' });
    if (to !== undefined) outputs.set(output, to.toLowerCase() as Switched);
    json(response, { [count === 1 ? 'POWER' : `POWER${output}`]: (outputs.get(output) ?? 'off').toUpperCase() });
  });

/** The power manager that Bakery's program speaks to. */
export const startSimpleweb = (): Promise<Plug> =>
  startPlug(({ method }, url, outputs, response) => {
    const [, to, id] = /^\/power(on|off)\/(\d+)$/.exec(url.pathname) ?? [];
    if (method !== 'GET' || id === undefined) {
      response.writeHead(200).end('unknown');
      return;
    }
    outputs.set(id, to as Switched);
    response.writeHead(200).end('ok');
  });

/** A web hook of MAAS, for machines below `/maaspower`. */
export const startMaasWebhook = (token: string): Promise<Plug> =>
  startPlug(({ method, headers }, url, outputs, response) => {
    if (headers.authorization !== `Bearer ${token}` || headers['system_id'] === undefined) {
      response.writeHead(401).end('Unauthorized');
      return;
    }
    const [, machine = '', verb] = /^\/maaspower\/([^/]+)\/(on|off|query)$/.exec(url.pathname) ?? [];
    const wanted = verb === 'query' ? 'GET' : 'POST';
    if (verb === undefined || method !== wanted) {
      response.writeHead(verb === undefined ? 404 : 405).end();
      return;
    }
    if (verb !== 'query') outputs.set(decodeURIComponent(machine), verb as Switched);
    json(response, { status: outputs.get(decodeURIComponent(machine)) === 'on' ? 'running' : 'stopped' });
  });
