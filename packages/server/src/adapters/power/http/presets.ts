import type { Authentication, OrderTemplate, PresetName, QuestionTemplate } from '../settings.js';

export interface Preset {
  readonly on: OrderTemplate;
  readonly off: OrderTemplate;
  readonly query: QuestionTemplate | undefined;
  /** How user name and password are sent, if there are any. */
  readonly auth: Authentication;
}

const get = (url: string) => ({ method: 'GET', url, headers: {} });

/** Shelly's second generation and later: RPC over HTTP, which tells the state before. */
const shellyGen2 = (base: string): Preset => {
  const set = (on: boolean): OrderTemplate => ({
    ...get(`${base}/rpc/Switch.Set?id={{channel=0}}&on=${on}`),
    expect: { json: 'was_on' },
  });
  return {
    on: set(true),
    off: set(false),
    query: {
      ...get(`${base}/rpc/Switch.GetStatus?id={{channel=0}}`),
      on: { json: 'output', is: true },
      off: { json: 'output', is: false },
    },
    auth: 'digest',
  };
};

const shellyGen1 = (base: string): Preset => {
  const relay = `${base}/relay/{{channel=0}}`;
  const says = (is: boolean) => ({ json: 'ison', is });
  return {
    on: { ...get(`${relay}?turn=on`), expect: says(true) },
    off: { ...get(`${relay}?turn=off`), expect: says(false) },
    query: { ...get(relay), on: says(true), off: says(false) },
    auth: 'basic',
  };
};

/** One output answers `{"POWER":"ON"}`, several `{"POWER1":"ON"}`. */
const tasmota = (base: string): Preset => {
  const says = (state: string) => ({ contains: ['"POWER', `:"${state}"`] });
  const command = `${base}/cm?cmnd=Power{{output=1}}`;
  return {
    on: { ...get(`${command}%20On`), expect: says('ON') },
    off: { ...get(`${command}%20Off`), expect: says('OFF') },
    query: { ...get(command), on: says('ON'), off: says('OFF') },
    auth: 'query',
  };
};

/** What Bakery's program of that name asks of a power manager. */
const simpleweb = (base: string): Preset => ({
  on: { ...get(`${base}/poweron/{{port}}`), expect: { text: 'ok' } },
  off: { ...get(`${base}/poweroff/{{port}}`), expect: { text: 'ok' } },
  query: undefined,
  auth: 'basic',
});

/** What MAAS asks of a web hook: its method, its headers, and the states its patterns look for unless others are given. */
const maasWebhook = (base: string): Preset => {
  const headers = { Accept: 'application/json', System_Id: '{{id}}' };
  return {
    on: { method: 'POST', url: `${base}/on`, headers },
    off: { method: 'POST', url: `${base}/off`, headers },
    query: {
      ...{ method: 'GET', url: `${base}/query`, headers },
      on: { contains: ['status', ':', 'running'] },
      off: { contains: ['status', ':', 'stopped'] },
    },
    auth: 'basic',
  };
};

export const presets: Readonly<Record<PresetName, (base: string) => Preset>> = {
  'shelly-gen2': shellyGen2,
  'shelly-gen1': shellyGen1,
  tasmota,
  simpleweb,
  'maas-webhook': maasWebhook,
};
