import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { settingKeys } from './describe.js';
import { loadSettingsFrom, SettingsError, type LoadOptions } from './load.js';
import { effectiveSettings } from './show.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-settings-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const load = (text: string | undefined, more: Partial<LoadOptions> = {}) => {
  const path = join(folder, 'drover.yaml');
  if (text !== undefined) writeFileSync(path, text);
  return loadSettingsFrom({
    settingsPath: text === undefined ? undefined : path,
    env: { HOME: '/home/ada' },
    isRoot: false,
    ...more,
  });
};

const refusal = async (text: string, more: Partial<LoadOptions> = {}): Promise<string> => {
  try {
    await load(text, more);
  } catch (error) {
    if (error instanceof SettingsError) return error.message.replaceAll(`${folder}/`, '');
    throw error;
  }
  throw new Error('the settings were accepted');
};

describe('a bad settings file is refused with line, key and remedy', () => {
  const cases: [name: string, text: string, message: string][] = [
    ['unknown key', 'sitte: a\n', 'drover.yaml:1: sitte is not a setting. Did you mean site?'],
    [
      'unknown key inside',
      'boot:\n  tftp:\n    port: 69\n    blocksize: 512\n',
      'drover.yaml:4: boot.tftp.blocksize is not a setting. Did you mean boot.tftp.maxBlockSize?',
    ],
    [
      'a key that belongs elsewhere',
      'autoAdopt: true\n',
      'drover.yaml:1: autoAdopt is not a setting. Did you mean boot.autoAdopt?',
    ],
    [
      'unlike any key',
      'http:\n  zzzzzzzz: 1\n',
      'drover.yaml:2: http.zzzzzzzz is not a setting. Known here: listen, publicUrl, trustProxy, openMetrics, dashboard, maxBodySize.',
    ],
    [
      'wrong type',
      'boot:\n  tftp:\n\n    port: many\n',
      'drover.yaml:4: boot.tftp.port is not right: Invalid input: expected number, received string. Expected: whole number, 0 to 65535.',
    ],
    [
      'a list element',
      'http:\n  listen:\n    - 0.0.0.0:8080\n    - nowhere\n',
      'drover.yaml:4: http.listen.1 is not an address like 0.0.0.0:8080 or [::]:8080. Expected: address:port.',
    ],
    [
      'half a decision',
      'site: a\nbakery:\n  enabled: true\n',
      'drover.yaml:2: bakery.autoAdopt has to be said: true takes every board that appears, as Bakery does; false waits for `drover device adopt`. Expected: true or false.',
    ],
    [
      'bad size',
      'images: { maxSize: huge }\n',
      'drover.yaml:1: images.maxSize is not a size like 512MiB, 8GiB or a number of bytes. Expected: size.',
    ],
    [
      'two values in one key',
      'site: a\nsite: b\n',
      'drover.yaml:2: is not valid YAML: Map keys must be unique. Mend the line, or check the file with a YAML linter.',
    ],
    [
      'an alias of nothing',
      'site: *here\n',
      'drover.yaml:1: is not valid YAML: Unresolved alias (the anchor must be set before the alias): here. Mend the line, or check the file with a YAML linter.',
    ],
    [
      'not a map',
      '- a\n',
      'drover.yaml:1: holds no settings: it is not a map of keys and values. Write `key: value` lines; docs/reference/settings.md has them all.',
    ],
    [
      'mode full without addresses',
      'boot:\n  dhcp:\n    mode: full\n',
      'drover.yaml:3: boot.dhcp.pool is missing: mode full has no addresses to hand out. Give boot.dhcp.pool.start and boot.dhcp.pool.end, or set boot.dhcp.mode to proxy.',
    ],
    [
      'one address twice',
      'http:\n  listen: ["127.0.0.1:8081"]\nboot:\n  http:\n    listen: ["127.0.0.1:8081"]\n',
      'drover.yaml:5: boot.http.listen names 127.0.0.1:8081, which http.listen has already. Give each listener an address of its own.',
    ],
    [
      'a database of another kind',
      'database: mysql://here/d\n',
      'drover.yaml:1: database is neither sqlite nor a URL like postgres://user:password@host/database. Expected: sqlite or text.',
    ],
    [
      'a rule of TFTP with a key that is none',
      'boot:\n  tftp:\n    rules:\n      - { match: a, file: /a, template: b }\n      - { match: a, file: /a, mach: b }\n',
      'drover.yaml:4: boot.tftp.rules.0.template is not a setting. Known here: match, root, file, url, program, args, timeoutSeconds, maxSize, concurrency.\n' +
        'drover.yaml:5: boot.tftp.rules.1.mach is not a setting. Did you mean boot.tftp.rules.1.match?',
    ],
    [
      'a rule of TFTP whose pattern is none',
      'boot:\n  tftp:\n    rules:\n      - file: /a\n        match: (a\n',
      'drover.yaml:5: boot.tftp.rules.0.match is no regular expression of RE2: error parsing regexp: missing closing ): `(a`. Expected: text.',
    ],
    [
      'a rule of TFTP that names a group too many',
      'boot:\n  tftp:\n    rules:\n      - { match: a, file: /a }\n      - match: (a)\n        program: /p\n        args:\n          - x\n          - $2\n',
      'drover.yaml:9: boot.tftp.rules.1.args.1 names the group $2, and match has one group. Expected: text.',
    ],
    ['relative data folder', 'dataDir: here\n', 'drover.yaml:1: dataDir is not an absolute path. Expected: text.'],
  ];
  it.each(cases)('%s', async (_name, text, message) => {
    expect(await refusal(text)).toBe(message);
  });

  it('names every problem at once', async () => {
    expect((await refusal('sight: a\nlog:\n  level: loud\n')).split('\n')).toHaveLength(2);
  });

  it('names a file that is not there', async () => {
    await expect(load(undefined, { settingsPath: join(folder, 'absent.yaml') })).rejects.toThrow(
      'absent.yaml: does not exist. Name another file with --config',
    );
  });

  it('names the variable or the command line where the value came from there', async () => {
    expect(await refusal('', { env: { DROVER_BOOT_TFTP_PORT: 'x' } })).toMatch(
      /^DROVER_BOOT_TFTP_PORT: boot.tftp.port /,
    );
    expect(await refusal('', { overrides: { 'boot.tftp.port': -1 } })).toMatch(/^command line: boot.tftp.port /);
  });
});

describe('settings that are right', () => {
  it('fill in every default', async () => {
    const { settings } = await load(undefined, { settingsPath: undefined });
    expect(settings.dataDir).toBe('/home/ada/.local/share/drover');
    expect(settings.helpers.cacheDir).toBe('/home/ada/.local/share/drover/helpers');
    expect(settings.http.listen).toEqual([{ host: '0.0.0.0', port: 8080 }]);
    expect(settings.boot.dhcp).toMatchObject({
      mode: 'proxy',
      port: 67,
      proxyPort: 4011,
      delays: { rom: 1500, ee: 0 },
    });
    expect((await load('', { isRoot: true })).settings.dataDir).toBe('/var/lib/drover');
  });

  it('let the environment win over the file and the command line over both', async () => {
    const { settings, origins } = await load('site: file\nlog:\n  level: warn\nhttp:\n  listen: [8080]\n', {
      env: { DROVER_SITE: 'environment', DROVER_HTTP_LISTEN: '127.0.0.1:1,[::1]:2', DROVER_LOG_LEVEL: 'debug' },
      overrides: { 'log.level': 'error', dataDir: undefined },
    });
    expect(settings.site).toBe('environment');
    expect(settings.http.listen).toEqual([
      { host: '127.0.0.1', port: 1 },
      { host: '::1', port: 2 },
    ]);
    expect(settings.log.level).toBe('error');
    expect([origins.get('site'), origins.get('log.level'), origins.get('log.format')]).toEqual([
      'DROVER_SITE',
      'command line',
      'default',
    ]);
  });

  it('read sizes, lists and maps from file and environment', async () => {
    const { settings } = await load('images: { maxSize: 8GiB, maxUploadSize: 500MB }\nboot: { interfaces: [eth0] }\n', {
      env: {
        DROVER_BOOT_DHCP_STATIC: '[{ mac: DC-A6-32-01-36-C2, address: 10.0.0.9 }]',
        DROVER_BOOT_AUTO_ADOPT: 'true',
      },
    });
    expect(settings.images).toMatchObject({ maxSize: 8 * 1024 ** 3, maxUploadSize: 500_000_000 });
    expect(settings.boot.interfaces).toEqual(['eth0']);
    expect(settings.boot.dhcp.static).toEqual([{ mac: 'dc:a6:32:01:36:c2', address: '10.0.0.9' }]);
    expect(settings.boot.autoAdopt).toBe(true);
  });

  it('have rules of TFTP with their defaults, from the environment too', async () => {
    const rules = '[{ match: ^a$, url: "http://h/$0", maxSize: 1MiB }, { match: b, program: /p, args: [$0] }]';
    const { settings } = await load('', { env: { DROVER_BOOT_TFTP_RULES: rules } });
    expect(settings.boot.tftp.rules).toEqual([
      { match: '^a$', url: 'http://h/$0', timeoutSeconds: 10, maxSize: 1024 ** 2 },
      { match: 'b', program: '/p', args: ['$0'], timeoutSeconds: 10, maxSize: 64 * 1024 ** 2 },
    ]);
  });

  it('survive the trip to a plane as JSON', async () => {
    const { settings } = await load('boot: { tftp: { rules: [{ match: a, file: /a }] } }\n');
    expect(JSON.parse(JSON.stringify(settings))).toEqual(settings);
  });

  it('warn about a variable that is no setting, and leave others alone', async () => {
    expect((await load('', { env: { DROVER_SIET: 'x', DROVER_KEY: 'k', PATH: '/bin' } })).warnings).toEqual([
      'DROVER_SIET is not a setting and is ignored; did you mean DROVER_SITE?',
    ]);
  });

  it('are shown with their origin and without passwords', async () => {
    const shown = effectiveSettings(await load('database: postgres://drover:hunter2@db/drover\n'));
    expect(shown.map((setting) => setting.key)).toEqual(settingKeys.map((key) => key.path));
    expect(shown.find((setting) => setting.key === 'database')?.value).toBe('postgres://drover:...@db/drover');
    expect(JSON.stringify(shown)).not.toContain('hunter2');
    expect(shown.find((setting) => setting.key === 'http.listen')?.value).toEqual(['0.0.0.0:8080']);
  });
});
