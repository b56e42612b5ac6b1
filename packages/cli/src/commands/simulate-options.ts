import { isIPv4 } from 'node:net';
import { textOption, UsageError, type OptionValues } from '../command.js';

/**
 * Options of `drover simulate`, as data: help and completion know them without loading the simulator. What they mean to it is in simulate.ts; how text
 * becomes a value is below.
 */

const board = [
  ['--model <model>', 'one board: 2b, 3b, 3b+, 4b, 400, cm4, 5, 500 or cm5 (default 4b)'],
  ['--serial <hex>', 'its serial number, 8 or 16 hex digits'],
  ['--mac <mac>', "its MAC address (default: the model's rule)"],
  ['--eeprom <key=value...>', "an EEPROM setting under the vendor's name: TFTP_PREFIX=2"],
  ['--quirk <name=value...>', 'a peculiarity of some boards: romDeafMs=1500'],
  ['--tryboot', 'read tryboot.txt instead of config.txt'],
  ['--clock-scale <factor>', "run the firmware's waits faster: 0.1 (default 1)"],
] as const;

const network = [
  ['--mode <mode>', 'relay (default): DHCP by unicast, as behind a relay; broadcast: on an interface; static: no DHCP'],
  ['--boot-server <address>', 'IPv4 address of the boot server, in modes relay and static (default 127.0.0.1)'],
  ['--address <address>', 'address of the board, in modes relay and static (default 127.16.0.1)'],
  ['--interface <name>', 'interface the board is, in mode broadcast'],
  ['--configure-interface', "give the interface the board's MAC and its lease (needs root)"],
  ['--keep-link', 'leave that interface up when the firmware ends'],
  ['--dhcp-port <port>', 'port of the DHCP server (default 67)'],
  ['--relay-port <port>', "port relayed answers come back to (default: the DHCP server's)"],
  ['--client-port <port>', "the board's own DHCP port, in mode broadcast (default 68)"],
  ['--tftp-port <port>', 'port of the TFTP server (default 69)'],
  ['--http-port <port>', 'port of boot files over HTTP (default 80)'],
  ['--transport <name>', 'tftp (default) or http: boot files from /netboot'],
  ['--keep <folder>', 'write what was fetched below this folder'],
  ['--attempts <n>', 'how often a board may start over by itself, the first time included (default 1)'],
] as const;

const system = [
  ['--os <which>', 'after the firmware: runtime (default) plays our initramfs up to the "up" report, none stops there'],
  ['--fault <fault...>', 'what goes wrong after the firmware: reuse-secret, stop-after=mount or fail-at=mount'],
] as const;

const guest = [
  ['--qemu <machine>', 'run what was fetched in QEMU: virt or raspi3b'],
  ['--work <folder>', 'folder for the kernel, initramfs and command line of a guest'],
  ['--tap <interface>', 'network card of the guest: this tap'],
  ['--user-net', "network card of the guest: QEMU's own NAT"],
  ['--append <text>', 'appended to the served command line'],
  ['--memory <megabytes>', 'memory of the guest'],
  ['--cpus <n>', 'processors of the guest'],
  ['--drive <file>', 'a disk of the guest'],
  ['--boots <n>', 'guests started before it ends (default 1)'],
  ['--failures <n>', 'firmware runs that may fail in a row (default 1)'],
  ['--netns <name>', 'network namespace QEMU runs in'],
] as const;

const fleet = [
  ['--fleet <n>', 'so many boards instead of one, each with an address of its own'],
  ['--models <shares>', 'share of each model: 4b=3,5=1,3b+=1 (default: all 4b)'],
  ['--seed <n>', 'the same seed gives the same boards (default 1)'],
  ['--ramp-up-ms <n>', 'switch the boards on over so many milliseconds (default 0: all at once)'],
  ['--concurrency <n>', 'boards under way at once (default: all)'],
  ['--first-address <address>', 'address of the first board, the others count up (default 127.16.0.1)'],
] as const;

export const simulateOptions = [...board, ...network, ...system, ...guest, ...fleet];

/** Options as they are written (`clock-scale`), not as commander keeps them (`clockScale`). */
export const byFlag = (options: OptionValues): OptionValues =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      value,
    ]),
  );

/** Fields that are there; with exact optional types in mind. */
export const given = <T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>;
  };

/** A number of any kind; `what` is what to call it where it is part of a value. */
export const decimalOf = (what: string, text: string): number => {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value)) return value;
  throw new UsageError(`--${what} ${text} is not a number`, 'Write it like 0.5 or 10.');
};

export const portOption = (options: OptionValues, name: string): number | undefined => {
  const text = textOption(options, name);
  if (text === undefined) return undefined;
  const port = decimalOf(name, text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new UsageError(`--${name} ${text} is not a port`, 'Ports are from 1 to 65535.');
};

export const addressOption = (options: OptionValues, name: string): string | undefined => {
  const text = textOption(options, name);
  if (text === undefined || isIPv4(text)) return text;
  throw new UsageError(`--${name} ${text} is not an IPv4 address`, `Write it like --${name} 127.0.0.1.`);
};

export const choiceOption = <T extends string>(
  options: OptionValues,
  name: string,
  choices: readonly T[],
): T | undefined => {
  const text = textOption(options, name);
  const found = choices.find((choice) => choice === text);
  if (text === undefined || found !== undefined) return found;
  throw new UsageError(`--${name} ${text} is not known`, `It is one of ${choices.join(', ')}.`);
};

const isGiven = (options: OptionValues, name: string): boolean =>
  options[name] !== undefined && options[name] !== false;

const isBroadcast = (options: OptionValues): boolean => options['mode'] === 'broadcast';

interface Relation {
  readonly holds: (options: OptionValues) => boolean;
  readonly why: string;
  readonly names: readonly string[];
}

/** Options that mean nothing in some company: better refused than silently without effect. */
const relations: readonly Relation[] = [
  {
    holds: (options) => !isGiven(options, 'fleet'),
    why: 'is for many boards: give --fleet too',
    names: fleet.map(([flags]) => flags.slice(2).split(' ')[0] ?? '').filter((name) => name !== 'fleet'),
  },
  {
    holds: (options) => isGiven(options, 'fleet'),
    why: 'is for one board, not for a --fleet',
    names: ['model', 'serial', 'mac', 'tryboot', 'address', 'keep', 'qemu'],
  },
  {
    holds: (options) => !isGiven(options, 'qemu'),
    why: 'is for a guest: give --qemu too',
    names: guest.map(([flags]) => flags.slice(2).split(' ')[0] ?? '').filter((name) => name !== 'qemu'),
  },
  {
    holds: (options) => isGiven(options, 'qemu'),
    why: 'is for a board without a guest, not for --qemu',
    names: ['attempts', 'os', 'fault'],
  },
  {
    holds: (options) => !isBroadcast(options),
    why: 'is for --mode broadcast',
    names: ['interface', 'configure-interface', 'keep-link', 'client-port'],
  },
  { holds: isBroadcast, why: 'is not for --mode broadcast', names: ['boot-server', 'address', 'relay-port'] },
];

/** @throws UsageError naming an option that would have no effect. */
export const refuseStrays = (options: OptionValues): void => {
  for (const { holds, why, names } of relations) {
    const stray = holds(options) ? names.find((name) => isGiven(options, name)) : undefined;
    if (stray !== undefined) throw new UsageError(`--${stray} ${why}`, 'Leave it out, or see drover simulate --help.');
  }
};
