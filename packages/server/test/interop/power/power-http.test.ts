import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { board, configured, describePowerDriver, patient, refusalOf, timed, type PowerRig } from './driver-suite.js';
import {
  startMaasWebhook,
  startPlug,
  startShellyGen1,
  startShellyGen2,
  startSimpleweb,
  startTasmota,
  type Plug,
} from './plugs.js';

const run = promisify(execFile);
const account = { username: 'admin', password: 'tr0ub4dor&3 "quoted" ü' };
const token = 'tok-5f2c9a';
const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

interface Kind {
  readonly start: () => Promise<Plug>;
  readonly settings: (plug: Plug) => Record<string, unknown>;
  readonly outputs: readonly string[];
  /** The name of the value that names an output, or none where every board has a plug of its own. */
  readonly named: string;
  readonly canQuery?: boolean;
  readonly refusing: (plug: Plug) => { readonly settings: Record<string, unknown>; readonly words: RegExp };
}

/** All outputs of one plug, and one that never answers. */
const rigOf = (kind: Kind) => async (): Promise<PowerRig> => {
  const plug = await kind.start();
  const silent = await startPlug(() => undefined);
  return {
    settings: { kind: 'http', ...kind.settings(plug) },
    boards: kind.outputs.map((output) => ({ address: plug.address, [kind.named]: output })),
    state: async (values) => plug.outputs.get(values[kind.named] ?? '') ?? 'off',
    asked: async () => plug.seen.length,
    canQuery: kind.canQuery ?? true,
    // The boards are at the other plug: what a preset begins with is said in the settings.
    silent: { kind: 'http', ...kind.settings(silent), url: `http://${silent.address}` },
    refusing: { settings: { kind: 'http', ...kind.refusing(plug).settings }, words: kind.refusing(plug).words },
    stop: async () => {
      await Promise.all([plug.stop(), silent.stop()]);
    },
  };
};

const kinds: Record<string, Kind> = {
  'shelly-gen2 with a password': {
    start: () => startShellyGen2(account),
    settings: () => ({ preset: 'shelly-gen2', localAddresses: true, ...account }),
    outputs: numbers(0, 3),
    named: 'channel',
    refusing: () => ({
      settings: { preset: 'shelly-gen2', localAddresses: true, ...account, password: 'wrong' },
      words: /answered 401/,
    }),
  },
  'shelly-gen1 with a password': {
    start: () => startShellyGen1(account),
    settings: () => ({ preset: 'shelly-gen1', localAddresses: true, ...account }),
    outputs: numbers(0, 1),
    named: 'channel',
    refusing: () => ({
      settings: { preset: 'shelly-gen1', localAddresses: true },
      words: /answered 401: 401 Unauthorized/,
    }),
  },
  'tasmota with a password, four outputs': {
    start: () => startTasmota(4, account),
    settings: () => ({ preset: 'tasmota', localAddresses: true, ...account }),
    outputs: numbers(1, 4),
    named: 'output',
    refusing: () => ({
      settings: { preset: 'tasmota', localAddresses: true, ...account, password: 'wrong' },
      words: /something else than it should: \{"WARNING":"Need user/,
    }),
  },
  simpleweb: {
    start: startSimpleweb,
    settings: ({ address }) => ({ preset: 'simpleweb', url: `http://${address}` }),
    outputs: numbers(1, 16),
    named: 'port',
    canQuery: false,
    refusing: ({ address }) => ({
      settings: { preset: 'simpleweb', url: `http://${address}/elsewhere` },
      words: /something else than it should: unknown/,
    }),
  },
  'maas-webhook': {
    start: () => startMaasWebhook(token),
    settings: ({ address }) => ({ preset: 'maas-webhook', url: `http://${address}/maaspower/{{machine}}`, token }),
    outputs: ['alpha', 'beta', 'a b/c'],
    named: 'machine',
    refusing: ({ address }) => ({
      settings: { preset: 'maas-webhook', url: `http://${address}/maaspower/{{machine}}`, token: 'wrong' },
      words: /answered 401: Unauthorized/,
    }),
  },
};

for (const [title, kind] of Object.entries(kinds))
  describePowerDriver(`http, ${title}`, rigOf(kind), { failures: true });

describe('plugs of one output', () => {
  const plugs: Plug[] = [];
  afterEach(async () => {
    await Promise.all(plugs.splice(0).map((plug) => plug.stop()));
  });
  it.each([
    ['shelly-gen2', () => startShellyGen2(), '0'],
    ['shelly-gen1', () => startShellyGen1(), '0'],
    ['tasmota', () => startTasmota(1), '1'],
  ] as const)('need their address alone: %s', async (preset, start, output) => {
    const plug = await start();
    plugs.push(plug);
    const { driver } = configured({ kind: 'http', preset, localAddresses: true });
    expect(driver.needs).toEqual(['address']);
    const one = board({ address: plug.address });
    expect((await driver.switch(one, 'on', patient())).ok).toBe(true);
    expect(plug.outputs.get(output)).toBe('on');
    expect(await driver.query(one, patient())).toEqual({ ok: true, value: 'on' });
  });

  it('without such an output say so', async () => {
    const plug = await startShellyGen2();
    plugs.push(plug);
    const { driver } = configured({ kind: 'http', preset: 'shelly-gen2', localAddresses: true });
    const refused = refusalOf(await driver.switch(board({ address: plug.address, channel: '9' }), 'on', patient()));
    expect(refused.detail).toContain('value 9 not found!');
  });
});

describe('the address of a board', () => {
  it.each(['', 'localhost', '[::1]', '[::ffff:127.0.0.1]'])('does not lead to the server itself: %j', async (host) => {
    const plug = await startShellyGen2();
    const address = host === '' ? plug.address : `${host}:${plug.address.split(':')[1]}`;
    const { driver } = configured({ kind: 'http', preset: 'shelly-gen2' });
    const refused = refusalOf(await driver.switch(board({ address }), 'on', patient()));
    expect(refused.code).toBe('power.unsupported');
    expect(refused.detail).toBe('power.values lead to this machine or its link.');
    expect(refused.remedy).toContain('localAddresses');
    expect(plug.seen).toEqual([]);
    await plug.stop();
  });

  it('does not lead to the link, where metadata of clouds are', async () => {
    const { driver } = configured({ kind: 'http', preset: 'tasmota' });
    const refused = refusalOf(await driver.query(board({ address: '169.254.169.254' }), patient()));
    expect(refused.detail).toBe('power.values lead to this machine or its link.');
  });
});

describe('the Shelly that the driver is tried on', () => {
  it('lets curl in with the password, and not with another', async () => {
    const plug = await startShellyGen2({ username: 'admin', password: 'simple' });
    const url = `http://${plug.address}/rpc/Switch.Set?id=1&on=true`;
    const ask = (password: string) => run('curl', ['-s', '--digest', '-u', `admin:${password}`, url]);
    expect(JSON.parse((await ask('simple')).stdout)).toEqual({ was_on: false });
    expect((await ask('other')).stdout).toBe('');
    await plug.stop();
  });
});

describe('answers of a plug', () => {
  const plugs: Plug[] = [];
  const start = async (...given: Parameters<typeof startPlug>): Promise<Plug> => {
    const plug = await startPlug(...given);
    plugs.push(plug);
    return plug;
  };
  afterEach(async () => {
    await Promise.all(plugs.splice(0).map((plug) => plug.stop()));
  });
  const orders = (address: string, more: Record<string, unknown> = {}) => ({
    kind: 'http',
    on: { url: `http://${address}/on` },
    off: { url: `http://${address}/off` },
    ...more,
  });

  it('do not lead elsewhere', async () => {
    const other = await start((_seen, _url, _outputs, response) => response.end('ok'));
    const plug = await start((_seen, _url, _outputs, response) =>
      response.writeHead(302, { Location: `http://${other.address}/` }).end(),
    );
    const refused = refusalOf(await configured(orders(plug.address)).driver.switch(board(), 'on', patient()));
    expect(refused.detail).toContain('sends us elsewhere (302)');
    expect(other.seen).toEqual([]);
  });

  it('are not read without end', async () => {
    const plug = await start((_seen, _url, _outputs, response) => {
      const chunk = 'x'.repeat(16 * 1024);
      const pour = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
    });
    const refused = refusalOf(await configured(orders(plug.address)).driver.switch(board(), 'on', patient()));
    expect(refused.detail).toContain('answered more than 65536 bytes');
  });

  it('that begin and never end are given up', async () => {
    const plug = await start((_seen, _url, _outputs, response) => response.write('{"was'));
    const asked = configured(orders(plug.address)).driver.switch(board(), 'on', AbortSignal.timeout(300));
    const [result, ms] = await timed(asked);
    expect(refusalOf(result).detail).toContain('it was not done in time');
    expect(ms).toBeLessThan(5000);
  });

  it('that say both or neither are no state', async () => {
    const plug = await start((_seen, { pathname }, _outputs, response) => response.end(pathname.slice(1)));
    const query = { url: `http://${plug.address}/{{say}}`, on: { contains: 'on' }, off: { contains: 'off' } };
    const { driver } = configured(orders(plug.address, { query }));
    const ask = (say: string) => driver.query(board({ say }), patient());
    expect(await ask('on')).toEqual({ ok: true, value: 'on' });
    expect(refusalOf(await ask('on-off')).detail).toContain('says both on and off: on-off');
    expect(refusalOf(await ask('maybe')).detail).toContain('says neither on nor off: maybe');
  });

  it.each([
    ['basic', { username: 'ada', password: 'hunter 2&' }, 'hunter 2&'],
    ['query', { username: 'ada', password: 'hunter 2&', auth: 'query' }, 'hunter 2&'],
    ['token', { token: 'hunter2' }, 'hunter2'],
  ])('that repeat what let us in do not tell it on: %s', async (_name, login, secret) => {
    const plug = await start(({ headers, url }, _url, _outputs, response) =>
      response.writeHead(500).end(`${headers.authorization} ${url} ${secret}`),
    );
    const refused = refusalOf(await configured(orders(plug.address, login)).driver.switch(board(), 'on', patient()));
    expect(refused.detail).toContain('answered 500');
    for (const shape of [secret, encodeURIComponent(secret), Buffer.from(`ada:${secret}`).toString('base64')])
      expect(JSON.stringify(refused)).not.toContain(shape);
    expect(JSON.stringify(plug.seen)).toMatch(/Basic|Bearer|password=/);
  });

  it('through TLS are those of the authority of the settings', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-power-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const subject = ['-subj', '/CN=plug', '-addext', 'subjectAltName=IP:127.0.0.1'];
    await run('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject]);
    const plug = await start((_seen, _url, _outputs, response) => response.end('ok'), {
      key: readFileSync(key, 'utf8'),
      cert: readFileSync(cert, 'utf8'),
    });
    const on = { url: `https://${plug.address}/on`, expect: { text: 'ok' } };
    const trusting = configured(orders(plug.address, { on, ca: cert })).driver;
    expect((await trusting.switch(board(), 'on', patient())).ok).toBe(true);
    const refused = refusalOf(await configured(orders(plug.address, { on })).driver.switch(board(), 'on', patient()));
    expect(refused.detail).toContain('self-signed certificate');
    expect(refused.remedy).toContain('Set ca');
    expect(plug.seen).toHaveLength(1);
    rmSync(folder, { recursive: true });
    expect(refusalOf(await trusting.switch(board(), 'on', patient())).detail).toContain('its authority cannot be read');
  });

  it('come from whoever is there', async () => {
    const plug = await startPlug(() => undefined);
    await plug.stop();
    const refused = refusalOf(await configured(orders(plug.address)).driver.switch(board(), 'on', patient()));
    expect(refused.detail).toMatch(/could not be asked: .*ECONNREFUSED/);
  });

  it('follow what was asked: method, headers and body with the values of the board', async () => {
    const plug = await start((_seen, _url, _outputs, response) => response.end('{"result":[{"state":1}]}'));
    const on = {
      method: 'PUT',
      url: `http://${plug.address}/{{name}}?mac={{mac}}`,
      headers: { 'X-Serial': '{{serial}}' },
      body: '{"outlet":"{{outlet}}","delay":{{delay=5}}}',
      expect: { json: 'result[0].state', is: 1 },
    };
    const { driver } = configured(orders(plug.address, { on }));
    expect(driver.needs).toEqual(['outlet']);
    expect((await driver.switch(board({ outlet: '"7"' }), 'on', patient())).ok).toBe(true);
    const [seen] = plug.seen;
    expect(seen).toMatchObject({ method: 'PUT', url: '/pi-7?mac=dc%3Aa6%3A32%3A01%3A36%3Ac2' });
    expect(seen?.headers).toMatchObject({ 'x-serial': '10000000abcdef07', 'content-type': 'application/json' });
    expect(JSON.parse(seen?.body ?? '')).toEqual({ outlet: '"7"', delay: 5 });
  });
});
