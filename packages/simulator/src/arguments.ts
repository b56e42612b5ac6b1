/** Command line of the simulator's own program. */
import { parseArgs } from 'node:util';
import { createIdentity } from './identity.js';
import { isModelName, modelNames, type ModelName } from './models.js';
import type { FleetOptions } from './fleet.js';
import type { GuestNetwork, QemuOptions } from './handoff.js';
import { defaultEeprom, defaultQuirks } from './settings.js';
import type { BoardNetwork, BoardOptions, ContentPolicy, EepromSettings, Quirks } from './types.js';

export const usage = `Usage: main.js --serial HEX [options]          one board; a JSON line per step
       main.js --fleet N [options]             many boards; a JSON line per board, then a summary

Board:    --model ${modelNames.join('|')}   --serial 8 or 16 hex digits   --mac aa:bb:cc:dd:ee:ff
          --eeprom KEY=VALUE (repeat)   --quirk NAME=VALUE (repeat)   --tryboot   --clock-scale 0.1
Network:  --mode relay (default)      --server IP --address 127.16.0.1 --dhcp-port 67 --relay-port 67
          --mode broadcast            --interface eth0 --configure-interface --keep-link
          --mode static               --server IP --address IP
          --tftp-port 69 --http-port 80 --transport tftp|http
Files:    --keep FOLDER               write what was fetched below this folder
QEMU:     --qemu virt|raspi3b --work FOLDER --tap TAP | --user-net   --append TEXT --memory MB --cpus N
          --drive FILE --boots N --failures N --netns NAME
Fleet:    --fleet N --models 4b=3,5=1 --seed 1 --ramp-up-ms 0 --concurrency N --attempts N --first-address 127.16.0.1
Exit code 0: the firmware stage succeeded (with --qemu: the guest ran); 1: it did not; 2: bad usage.
`;

/** What the program is asked to do. */
export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'board'; readonly board: BoardOptions }
  | { readonly kind: 'guest'; readonly board: BoardOptions; readonly guest: GuestOptions }
  | { readonly kind: 'fleet'; readonly fleet: FleetOptions };

export interface GuestOptions {
  readonly qemu: QemuOptions;
  readonly folder: string;
  readonly maxBoots?: number;
  readonly maxFailures?: number;
  readonly commandPrefix?: readonly string[];
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const list = { type: 'string', multiple: true } as const;

const optionTable = {
  help: flag,
  model: text,
  serial: text,
  mac: text,
  eeprom: list,
  quirk: list,
  tryboot: flag,
  'clock-scale': text,
  mode: text,
  server: text,
  address: text,
  interface: text,
  'configure-interface': flag,
  'keep-link': flag,
  'dhcp-port': text,
  'relay-port': text,
  'client-port': text,
  'tftp-port': text,
  'http-port': text,
  transport: text,
  keep: text,
  qemu: text,
  work: text,
  tap: text,
  'user-net': flag,
  append: text,
  memory: text,
  cpus: text,
  drive: text,
  boots: text,
  failures: text,
  netns: text,
  fleet: text,
  models: text,
  seed: text,
  'ramp-up-ms': text,
  concurrency: text,
  attempts: text,
  'first-address': text,
} as const;

const parse = (argv: readonly string[]) => parseArgs({ args: [...argv], options: optionTable, strict: true }).values;
type Values = ReturnType<typeof parse>;

/** Fields that are there; with exact optional types in mind. */
const given = <T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };

const number = (name: string, value: string | undefined): number | undefined => {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (value === '' || !Number.isFinite(parsed)) throw new RangeError(`--${name} must be a number, not "${value}"`);
  return parsed;
};

const port = (name: string, value: string | undefined): number | undefined => {
  const parsed = number(name, value);
  if (parsed !== undefined && !(Number.isInteger(parsed) && parsed >= 1 && parsed <= 65_535)) {
    throw new RangeError(`--${name} must be a port from 1 to 65535, not "${value ?? ''}"`);
  }
  return parsed;
};

const required = (name: string, value: string | undefined): string => {
  if (value === undefined) throw new RangeError(`--${name} is needed`);
  return value;
};

const ports = (values: Values) =>
  given({
    dhcpPort: port('dhcp-port', values['dhcp-port']),
    relayPort: port('relay-port', values['relay-port']),
    tftpPort: port('tftp-port', values['tftp-port']),
    httpPort: port('http-port', values['http-port']),
  });

const networkFrom = (values: Values): BoardNetwork => {
  const mode = values.mode ?? 'relay';
  if (mode === 'broadcast') {
    const { relayPort: _unused, ...others } = ports(values);
    return {
      mode,
      ...others,
      ...given({
        clientPort: port('client-port', values['client-port']),
        interface: values.interface,
        configureInterface: values['configure-interface'],
        keepLink: values['keep-link'],
      }),
    };
  }
  if (mode !== 'relay' && mode !== 'static')
    throw new RangeError(`--mode must be relay, broadcast or static, not "${mode}"`);
  return { mode, server: required('server', values.server), address: values.address ?? '127.16.0.1', ...ports(values) };
};

/** Keys and kinds of values come from the defaults, so a new setting needs no change here. */
const settingsFrom = <T extends object>(option: string, pairs: readonly string[] | undefined, known: T): Partial<T> => {
  const settings: Record<string, unknown> = {};
  for (const pair of pairs ?? []) {
    const equals = pair.indexOf('=');
    const key = pair.slice(0, Math.max(equals, 0));
    const value = pair.slice(equals + 1);
    if (!Object.hasOwn(known, key)) {
      throw new RangeError(`--${option} "${pair}" must be KEY=VALUE with a key of ${Object.keys(known).join(', ')}`);
    }
    const example: unknown = known[key as keyof T];
    if (typeof example === 'boolean') settings[key] = value === 'true' || value === '1';
    else if (typeof example === 'number' || key === 'DHCP_OPTION97') settings[key] = number(`${option} ${key}`, value);
    else settings[key] = value;
  }
  return settings as Partial<T>;
};

const modelFrom = (name: string): ModelName => {
  if (!isModelName(name)) throw new RangeError(`--model must be one of ${modelNames.join(', ')}, not "${name}"`);
  return name;
};

const transportFrom = (name: string | undefined): 'tftp' | 'http' | undefined => {
  if (name === undefined || name === 'tftp' || name === 'http') return name;
  throw new RangeError(`--transport must be tftp or http, not "${name}"`);
};

const contentFrom = (values: Values): ContentPolicy => {
  if (values.keep !== undefined) return { folder: values.keep };
  return values.qemu === undefined ? 'discard' : 'memory';
};

const boardFrom = (values: Values): BoardOptions => ({
  identity: createIdentity({
    model: modelFrom(values.model ?? '4b'),
    serial: required('serial', values.serial),
    ...given({ mac: values.mac }),
  }),
  network: networkFrom(values),
  eeprom: settingsFrom<EepromSettings>('eeprom', values.eeprom, defaultEeprom),
  quirks: settingsFrom<Quirks>('quirk', values.quirk, defaultQuirks),
  content: contentFrom(values),
  ...given({
    clockScale: number('clock-scale', values['clock-scale']),
    transport: transportFrom(values.transport),
    tryboot: values.tryboot,
  }),
});

const guestNetworkFrom = (values: Values): GuestNetwork => {
  if (values.tap !== undefined) return { kind: 'tap', interface: values.tap };
  return values['user-net'] === true ? { kind: 'user' } : { kind: 'none' };
};

const guestFrom = (values: Values, machine: string): GuestOptions => {
  if (machine !== 'virt' && machine !== 'raspi3b')
    throw new RangeError(`--qemu must be virt or raspi3b, not "${machine}"`);
  return {
    qemu: {
      machine,
      network: guestNetworkFrom(values),
      ...given({
        append: values.append,
        memoryMb: number('memory', values.memory),
        cpus: number('cpus', values.cpus),
        drive: values.drive,
      }),
    },
    folder: required('work', values.work),
    ...given({
      maxBoots: number('boots', values.boots) ?? 1,
      maxFailures: number('failures', values.failures) ?? 1,
      commandPrefix: values.netns === undefined ? undefined : ['ip', 'netns', 'exec', values.netns],
    }),
  };
};

const modelsFrom = (value: string | undefined): FleetOptions['models'] => {
  if (value === undefined) return undefined;
  const shares = value.split(',').map((part) => {
    const [name = '', share = '1'] = part.split('=');
    return [modelFrom(name), number('models', share) ?? 1] as const;
  });
  return Object.fromEntries(shares);
};

const fleetFrom = (values: Values): FleetOptions => {
  const mode = values.mode ?? 'relay';
  if (mode !== 'relay' && mode !== 'static') throw new RangeError('--mode of a fleet must be relay or static');
  const first = given({ firstAddress: values['first-address'] });
  return {
    count: number('fleet', values.fleet) ?? 1,
    network: { mode, server: required('server', values.server), ...first, ...ports(values) },
    board: {
      eeprom: settingsFrom<EepromSettings>('eeprom', values.eeprom, defaultEeprom),
      quirks: settingsFrom<Quirks>('quirk', values.quirk, defaultQuirks),
      ...given({ transport: transportFrom(values.transport) }),
    },
    ...given({
      seed: number('seed', values.seed),
      models: modelsFrom(values.models),
      rampUpMs: number('ramp-up-ms', values['ramp-up-ms']),
      concurrency: number('concurrency', values.concurrency),
      attempts: number('attempts', values.attempts),
      clockScale: number('clock-scale', values['clock-scale']),
    }),
  };
};

/**
 * Reads the program's arguments.
 * @throws TypeError or RangeError naming the option that is wrong.
 */
export const readArguments = (argv: readonly string[]): Command => {
  const values = parse(argv);
  if (values.help === true || argv.length === 0) return { kind: 'help' };
  if (values.fleet !== undefined) return { kind: 'fleet', fleet: fleetFrom(values) };
  const board = boardFrom(values);
  return values.qemu === undefined
    ? { kind: 'board', board }
    : { kind: 'guest', board, guest: guestFrom(values, values.qemu) };
};
