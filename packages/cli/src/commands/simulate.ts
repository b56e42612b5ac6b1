import { randomInt } from 'node:crypto';
import {
  boardText,
  createIdentity,
  createRandom,
  createRuntimeStage,
  defaultEeprom,
  defaultQuirks,
  eepromWith,
  emulatedPi,
  isModelName,
  modelNames,
  noOsStage,
  playedSteps,
  powerCycle,
  runFleet,
  stepText,
  summaryText,
  type BoardNetwork,
  type BoardOptions,
  type BoardStep,
  type EepromSettings,
  type EmulatedPiOptions,
  type EmulatedPiResult,
  type FleetBoardResult,
  type FleetOptions,
  type GuestNetwork,
  type ModelName,
  type OsStage,
  type PowerCycleOptions,
  type Quirks,
  type RuntimeFaults,
} from '@drover/simulator';
import {
  flagOption,
  listOption,
  numberOption,
  requiredOption,
  textOption,
  UsageError,
  type Action,
  type Cli,
  type OptionValues,
} from '../command.js';
import { hint } from '../show.js';
import { createProgressBar } from '../terminal/progress.js';
import { explainHostError } from './simulate-host.js';
import { addressOption, byFlag, choiceOption, decimalOf, given, portOption, refuseStrays } from './simulate-options.js';

/** Exit code when a board, a guest or one of a fleet did not come up, as that of `boot watch --until-up`. */
const notUp = 4;

/** What is asked for. */
export type Simulation =
  | { readonly kind: 'board'; readonly board: PowerCycleOptions }
  | { readonly kind: 'guest'; readonly guest: EmulatedPiOptions }
  | { readonly kind: 'fleet'; readonly fleet: FleetOptions };

/** The simulator refuses bad values with a RangeError that names the field; here that is an option. */
const checked = <T>(option: string, make: () => T): T => {
  try {
    return make();
  } catch (error) {
    if (error instanceof RangeError)
      throw new UsageError(`--${option}: ${error.message}`, 'See drover simulate --help.');
    throw error;
  }
};

const modelOf = (option: string, name: string): ModelName => {
  if (isModelName(name)) return name;
  throw new UsageError(`--${option}: ${name} is no model`, `Models are ${modelNames.join(', ')}.`);
};

/** Keys and kinds of values come from the defaults, so that a new setting needs no change here. */
const settingsOf = <T extends object>(options: OptionValues, option: string, known: T): Partial<T> =>
  Object.fromEntries(
    listOption(options, option).map((pair): [string, unknown] => {
      const at = pair.indexOf('=');
      const key = pair.slice(0, Math.max(at, 0));
      const value = pair.slice(at + 1);
      if (!Object.hasOwn(known, key)) {
        throw new UsageError(
          `--${option} ${pair} is no setting of a board`,
          `Write KEY=VALUE with a key of ${Object.keys(known).join(', ')}.`,
        );
      }
      const example: unknown = known[key as keyof T];
      if (typeof example === 'boolean') return [key, value === 'true' || value === '1'];
      const isNumber = typeof example === 'number' || key === 'DHCP_OPTION97';
      return [key, isNumber ? decimalOf(`${option} ${key}`, value) : value];
    }),
  ) as Partial<T>;

const boardSettings = (options: OptionValues) => {
  const eeprom = settingsOf<EepromSettings>(options, 'eeprom', defaultEeprom);
  return {
    eeprom: checked('eeprom', () => (eepromWith(eeprom), eeprom)),
    quirks: settingsOf<Quirks>(options, 'quirk', defaultQuirks),
    ...given({ transport: choiceOption(options, 'transport', ['tftp', 'http']) }),
  };
};

const clockScaleOf = (options: OptionValues): number | undefined => {
  const text = textOption(options, 'clock-scale');
  const scale = text === undefined ? undefined : decimalOf('clock-scale', text);
  if (scale === undefined || scale > 0) return scale;
  throw new UsageError(`--clock-scale ${scale} is not above 0`, 'Write it like --clock-scale 0.1.');
};

const portsOf = (options: OptionValues) =>
  given({
    dhcpPort: portOption(options, 'dhcp-port'),
    relayPort: portOption(options, 'relay-port'),
    tftpPort: portOption(options, 'tftp-port'),
    httpPort: portOption(options, 'http-port'),
  });

const bootServerOf = (options: OptionValues): string => addressOption(options, 'boot-server') ?? '127.0.0.1';

const networkOf = (options: OptionValues): BoardNetwork => {
  const mode = choiceOption(options, 'mode', ['relay', 'broadcast', 'static']) ?? 'relay';
  if (mode !== 'broadcast') {
    const address = addressOption(options, 'address') ?? '127.16.0.1';
    return { mode, server: bootServerOf(options), address, ...portsOf(options) };
  }
  const configureInterface = flagOption(options, 'configure-interface');
  const name = textOption(options, 'interface');
  if (configureInterface && name === undefined)
    throw new UsageError('--configure-interface needs --interface', 'Name it: --interface eth0.');
  const { relayPort: _notHere, ...ports } = portsOf(options);
  return {
    ...{ mode, configureInterface, keepLink: flagOption(options, 'keep-link'), ...ports },
    ...given({ interface: name, clientPort: portOption(options, 'client-port') }),
  };
};

const boardOf = (options: OptionValues): BoardOptions => {
  const model = modelOf('model', textOption(options, 'model') ?? '4b');
  const serial = requiredOption(options, 'serial', 'Give its 8 or 16 hex digits, or --fleet for boards by chance.');
  const keep = textOption(options, 'keep');
  return {
    identity: checked('serial and --mac', () =>
      createIdentity({ model, serial, ...given({ mac: textOption(options, 'mac') }) }),
    ),
    network: networkOf(options),
    content: keep === undefined ? (textOption(options, 'qemu') === undefined ? 'discard' : 'memory') : { folder: keep },
    tryboot: flagOption(options, 'tryboot'),
    ...boardSettings(options),
    ...given({ clockScale: clockScaleOf(options) }),
    // A board that is switched on again does not repeat its transaction ids.
    random: createRandom(randomInt(2 ** 32)),
  };
};

const faultOf = (text: string): RuntimeFaults => {
  if (text === 'reuse-secret') return { reuseSecret: true };
  const [, kind, name] = /^(stop-after|fail-at)=(.*)$/.exec(text) ?? [];
  const step = playedSteps.find((each) => each === name);
  if (kind !== undefined && step !== undefined) return kind === 'fail-at' ? { failAt: step } : { stopAfter: step };
  throw new UsageError(
    `--fault ${text} is not known`,
    `It is reuse-secret, stop-after=STEP or fail-at=STEP, with a step of ${playedSteps.join(', ')}.`,
  );
};

const osStageOf = (options: OptionValues): OsStage => {
  const faults = listOption(options, 'fault').map(faultOf);
  const os = choiceOption(options, 'os', ['runtime', 'none']) ?? 'runtime';
  if (os === 'runtime') return createRuntimeStage(Object.assign({}, ...faults) as RuntimeFaults);
  if (faults.length > 0) throw new UsageError('--fault is for --os runtime', 'Leave one of them out.');
  return noOsStage;
};

const guestNetworkOf = (options: OptionValues): GuestNetwork => {
  const tap = textOption(options, 'tap');
  if (tap !== undefined) return { kind: 'tap', interface: tap };
  return flagOption(options, 'user-net') ? { kind: 'user' } : { kind: 'none' };
};

const guestOf = (options: OptionValues): EmulatedPiOptions => {
  const netns = textOption(options, 'netns');
  return {
    board: boardOf(options),
    qemu: {
      machine: choiceOption(options, 'qemu', ['virt', 'raspi3b']) ?? 'virt',
      network: guestNetworkOf(options),
      ...given({
        append: textOption(options, 'append'),
        memoryMb: numberOption(options, 'memory'),
        cpus: numberOption(options, 'cpus'),
        drive: textOption(options, 'drive'),
      }),
    },
    folder: requiredOption(options, 'work', 'A guest needs a folder for its kernel: --work /tmp/pi.'),
    maxBoots: numberOption(options, 'boots') ?? 1,
    maxFailures: numberOption(options, 'failures') ?? 1,
    ...(netns === undefined ? {} : { commandPrefix: ['ip', 'netns', 'exec', netns] }),
  };
};

const modelsOf = (text: string): Partial<Record<ModelName, number>> => {
  const shares = text.split(',').map((part): [ModelName, number] => {
    const [name = '', share = '1'] = part.split('=');
    const value = decimalOf(`models ${name}`, share);
    if (value < 0) throw new UsageError(`--models ${part}: a share is not below 0`, 'Write shares like 4b=3,5=1.');
    return [modelOf('models', name), value];
  });
  if (shares.every(([, share]) => share === 0))
    throw new UsageError(`--models ${text}: one share must be above 0`, 'Write shares like 4b=3,5=1.');
  return Object.fromEntries(shares);
};

const fleetOf = (options: OptionValues): FleetOptions => {
  const mode = choiceOption(options, 'mode', ['relay', 'static']) ?? 'relay';
  const models = textOption(options, 'models');
  const first = addressOption(options, 'first-address');
  return {
    count: numberOption(options, 'fleet') ?? 1,
    network: { mode, server: bootServerOf(options), ...given({ firstAddress: first }), ...portsOf(options) },
    board: boardSettings(options),
    osStage: osStageOf(options),
    ...given({
      seed: numberOption(options, 'seed', 0),
      models: models === undefined ? undefined : modelsOf(models),
      rampUpMs: numberOption(options, 'ramp-up-ms', 0),
      concurrency: numberOption(options, 'concurrency'),
      attempts: numberOption(options, 'attempts'),
      clockScale: clockScaleOf(options),
    }),
  };
};

/**
 * Reads the command's options.
 * @throws UsageError naming the option that is wrong.
 */
export const readSimulation = (parsed: OptionValues): Simulation => {
  const options = byFlag(parsed);
  refuseStrays(options);
  if (textOption(options, 'fleet') !== undefined) return { kind: 'fleet', fleet: fleetOf(options) };
  if (textOption(options, 'qemu') !== undefined) return { kind: 'guest', guest: guestOf(options) };
  return {
    kind: 'board',
    board: {
      board: boardOf(options),
      osStage: osStageOf(options),
      ...given({ attempts: numberOption(options, 'attempts') }),
    },
  };
};

const line = (cli: Cli, value: object, text: string): void =>
  cli.io.out(`${cli.json ? JSON.stringify(value) : text}\n`);
const stepTo = (cli: Cli) => (step: BoardStep) => line(cli, step, stepText(step));

const runBoard = async (cli: Cli, { board, ...more }: PowerCycleOptions): Promise<number> => {
  const result = await powerCycle({ board: { ...board, onStep: stepTo(cli) }, ...more }, cli.signal);
  return result.up ? 0 : notUp;
};

const wentWell = ({ end, boots }: EmulatedPiResult): boolean =>
  boots > 0 && end !== 'qemu-failed' && end !== 'failures';

const runGuest = async (cli: Cli, guest: EmulatedPiOptions): Promise<number> => {
  const result = await emulatedPi({ ...guest, onStep: stepTo(cli) }).run(cli.signal);
  const { end, boots } = result;
  const errors = result.lastExit?.errors ?? '';
  line(cli, { type: 'end', end, boots, errors }, `${end} after ${boots} boots${errors === '' ? '' : `: ${errors}`}`);
  return wentWell(result) ? 0 : notUp;
};

const runMany = async (cli: Cli, fleet: FleetOptions): Promise<number> => {
  const bar = createProgressBar(cli.io);
  let done = 0;
  const onBoard = (result: FleetBoardResult): void => {
    const { identity, ...rest } = result;
    if (cli.json) return line(cli, { type: 'board', serial: identity.serial, model: identity.model.name, ...rest }, '');
    if (!result.up) bar.note(boardText(result));
    bar.update({ label: 'boards', done: (done += 1), total: fleet.count, unit: 'boards' });
  };
  const summary = await runFleet({ ...fleet, onBoard }, cli.signal).finally(() => bar.end());
  line(cli, { type: 'summary', ...summary }, summaryText(summary));
  return summary.failed === 0 ? 0 : notUp;
};

export const simulate: Action = async (cli) => {
  const asked = readSimulation(cli.options);
  try {
    if (asked.kind === 'fleet') return await runMany(cli, asked.fleet);
    if (asked.kind === 'guest') return await runGuest(cli, asked.guest);
    hint(cli, `Switching on a ${asked.board.board.identity.model.title}. Ctrl-C switches it off.`);
    return await runBoard(cli, asked.board);
  } catch (error) {
    return explainHostError(cli.io, error);
  }
};
