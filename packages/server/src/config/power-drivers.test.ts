import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadSettingsFrom, SettingsError } from './load.js';
import { effectiveSettings } from './show.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-power-settings-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const load = (text: string, env: Record<string, string> = {}) => {
  const settingsPath = join(folder, 'drover.yaml');
  writeFileSync(settingsPath, text);
  return loadSettingsFrom({ settingsPath, env: { HOME: '/home/ada', ...env }, isRoot: false });
};

/** The settings of one driver `a`, in YAML's short form. */
const driver = (members: string) => load(`power:\n  drivers:\n    a: { ${members} }\n`);

const refusal = async (look: () => Promise<unknown>): Promise<string> => {
  try {
    await look();
  } catch (error) {
    if (error instanceof SettingsError) return error.message.replaceAll(`${folder}/`, '');
    throw error;
  }
  throw new Error('the settings were accepted');
};

const orders = "on: { url: 'http://h/on' }, off: { url: 'http://h/off' }";

describe('a bad power driver is refused with line, key and remedy', () => {
  const cases: [members: string, message: string][] = [
    ['kind: ipmi', 'a.kind is no kind of driver. Expected: ppi or http or snmp or manual.'],
    ['program: /ppi', 'a.kind is no kind of driver. Expected: ppi or http or snmp or manual.'],
    ['kind: ppi', 'a.program is missing. Expected: text.'],
    ['kind: ppi, program: ppi', 'a.program is not an absolute path. Expected: text.'],
    ['kind: ppi, program: /ppi, config: c.json', 'a.config is not an absolute path.'],
    ['kind: ppi, program: /ppi, progam: /p', 'a.progam is not a setting. Did you mean program?'],
    [
      'kind: manual, zzzzzzzz: 1',
      'a.zzzzzzzz is not a setting. Known here: kind, concurrency, staggerMs, timeoutSeconds, retries.',
    ],
    [
      'kind: ppi, program: /ppi, contract: new',
      'a.contract is none of the values it can have. Expected: bakery, extended.',
    ],
    [
      'kind: manual, concurrency: 0',
      'a.concurrency is not right: Too small: expected number to be >=1. Expected: whole number, 1 to 1000.',
    ],
    ['kind: http', 'a.on is missing: a driver without preset says how to switch on and off.'],
    ["kind: http, on: { url: 'http://h/on' }", 'a.off is missing: a driver without preset'],
    [`kind: http, url: 'http://h', ${orders}`, 'a.url is for presets: on and off have a url each.'],
    ['kind: http, preset: shelly', 'a.preset is none of the values it can have. Expected: shelly-gen2, shelly-gen1'],
    ["kind: http, preset: tasmota, url: 'http://{{address}}/'", 'a.url ends in a slash or has a query'],
    ["kind: http, on: { url: '{{url}}' }, off: { url: 'http://h' }", 'a.on.url is not an http:// or https:// URL'],
    ["kind: http, on: { url: 'http://h/{{Port}}' }, off: { url: 'http://h' }", 'a.on.url has a {{ that begins no name'],
    ["kind: http, on: { url: 'http://u:p@h/' }, off: { url: 'http://h' }", 'a.on.url holds a user name'],
    [
      "kind: http, on: { url: 'http://h', body: '{{' }, off: { url: 'http://h' }",
      'a.on.body has a {{ that begins no name',
    ],
    [
      "kind: http, on: { url: 'http://h', headers: { 'a b': c } }, off: { url: 'http://h' }",
      'a.on.headers.a b is not a name of a header',
    ],
    [
      "kind: http, on: { url: 'http://h', headers: { a: \"b\\n\" } }, off: { url: 'http://h' }",
      'a.on.headers.a has other than printable ASCII',
    ],
    [
      "kind: http, on: { url: 'http://h', expect: { text: ok, json: a } }, off: { url: 'http://h' }",
      'a.on.expect does not say one of text, contains and json',
    ],
    [
      "kind: http, on: { url: 'http://h', expect: { json: 'a b' } }, off: { url: 'http://h' }",
      'a.on.expect.json is not a path like output',
    ],
    [
      "kind: http, on: { url: 'http://h', expect: { text: ok, is: 1 } }, off: { url: 'http://h' }",
      'a.on.expect.is stands without json',
    ],
    [`kind: http, ${orders}, query: { url: 'http://h', on: { text: on } }`, 'a.query.off is missing'],
    ['kind: http, preset: tasmota, username: admin', 'a.password is missing: they come as two'],
    ['kind: http, preset: tasmota, auth: digest', 'a.username is missing: auth says how it is sent'],
    ['kind: http, preset: maas-webhook, username: a, password: b, token: c', 'a.token is there beside username'],
    ['kind: http, preset: tasmota, ca: ca.pem', 'a.ca is not an absolute path'],
    ['kind: snmp, community: c', 'a.host is missing'],
    ['kind: snmp, host: switch', 'a.community is missing: version 2c needs it'],
    [
      'kind: snmp, host: switch, version: 1, community: c',
      'a.version is none of the values it can have. Expected: 2c, 3.',
    ],
    [
      'kind: snmp, host: switch, version: 3, username: u, authKey: long-enough',
      'a.privKey is missing: version 3 needs it',
    ],
    ['kind: snmp, host: switch, version: 3, username: u, authKey: short', 'a.authKey is shorter than 8 characters'],
  ];
  it.each(cases)('%s', async (members, message) => {
    expect(await refusal(() => driver(members))).toContain(`drover.yaml:3: power.drivers.${message}`);
  });

  it('also where its name is none', async () => {
    expect(await refusal(() => load('power:\n  drivers:\n    Rack_2: { kind: manual }\n'))).toContain(
      'drover.yaml:3: power.drivers.Rack_2 is not a name of lower-case letters, digits and hyphens',
    );
  });
});

describe('power drivers that are right', () => {
  it('have defaults', async () => {
    const { drivers } = (await driver('kind: ppi, program: /opt/ppi')).settings.power;
    expect(drivers['a']).toEqual({
      kind: 'ppi',
      program: '/opt/ppi',
      contract: 'bakery',
      concurrency: 4,
      staggerMs: 500,
      timeoutSeconds: 30,
      retries: 2,
    });
    expect((await load('')).settings.power.drivers).toEqual({});
  });

  it('take the version of SNMP as YAML reads it', async () => {
    const { drivers } = (
      await driver('kind: snmp, host: h, version: 3, username: u, authKey: "12345678", privKey: "12345678"')
    ).settings.power;
    expect(drivers['a']).toMatchObject({ version: '3', authProtocol: 'sha256', privProtocol: 'aes', port: 161 });
  });

  it('come from the environment as YAML', async () => {
    const { settings } = await load('', { DROVER_POWER_DRIVERS: '{ bench: { kind: manual, retries: 0 } }' });
    expect(settings.power.drivers['bench']).toMatchObject({ kind: 'manual', retries: 0 });
  });

  it('are those of the page for people', async () => {
    const page = readFileSync(new URL('../../../../docs/how-to/power.md', import.meta.url), 'utf8');
    const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);
    const loaded = await Promise.all(blocks.map((text) => load(text)));
    const names = loaded.flatMap(({ settings }) => Object.keys(settings.power.drivers));
    expect(names).toEqual(['rack-2', 'plugs', 'bench', 'manager', 'pdu', 'rig']);
  });

  it('survive the trip to a plane as JSON', async () => {
    const { power } = (await driver(`kind: http, ${orders}`)).settings;
    expect(JSON.parse(JSON.stringify(power))).toEqual(power);
  });

  it('are shown without what is secret in them', async () => {
    const shown = effectiveSettings(
      await load(`
power:
  drivers:
    plugs: { kind: http, preset: tasmota, username: ada, password: hunter2 }
    hook: { kind: http, preset: maas-webhook, token: hunter3 }
    old: { kind: snmp, host: switch-1, community: hunter4 }
    new: { kind: snmp, host: switch-2, version: 3, username: ada, authKey: hunter55, privKey: hunter66 }
    own:
      kind: http
      on: { url: 'http://h/on?key=hunter7', headers: { X-Key: hunter8 }, body: hunter9 }
      off: { url: 'http://h/off' }
`),
    ).find(({ key }) => key === 'power.drivers');
    expect(JSON.stringify(shown)).not.toContain('hunter');
    expect(shown?.value).toMatchObject({
      plugs: { username: 'ada', password: '...' },
      old: { host: 'switch-1', community: '...' },
      own: { on: { url: 'http://h/on?...', headers: '...', body: '...' }, off: { url: 'http://h/off' } },
    });
  });
});
