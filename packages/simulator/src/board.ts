/** A board: its firmware stages put together, from power-on to a kernel in memory. */
import { bootargsOf } from './bootargs.js';
import { chained } from './chained-signal.js';
import { createClock } from './clock.js';
import { openFatImage } from './fat-image.js';
import { runEeprom2711, runEeprom2712, prefixOf, type EepromOutcome } from './firmware-eeprom.js';
import {
  eepromRetry,
  halt,
  led,
  stopsForGood,
  type Afterwards,
  type FirmwareContext,
  type OperatingSystem,
  type Stage,
} from './firmware-context.js';
import { createFirmwareFiles, FirmwareHalt, tenths, type FileTransport, type FirmwareFiles } from './firmware-files.js';
import { runBootcode, runRom } from './firmware-legacy.js';
import { bootModeTransport, fetchBootImage } from './http-boot.js';
import { httpTransport } from './http-client.js';
import { createNetworkAccess, type Connection, type NetworkAccess } from './network-access.js';
import { createRandom, seedOf } from './random.js';
import { defaultQuirks, eepromWith } from './settings.js';
import { bootcodeManners, eepromManners, ramdiskTransport, romManners, tftpTransport } from './transports.js';
import type { TftpManners } from './tftp-client.js';
import type { Board, BoardEvent, BoardOptions, BootImage, BootResult, EepromSettings, FileRequest } from './types.js';

/** One run of the firmware: what its stages need, and what they have asked for so far. */
interface Run {
  readonly options: BoardOptions;
  readonly context: FirmwareContext;
  readonly access: NetworkAccess;
  readonly requests: FileRequest[];
  readonly duplicates: Promise<unknown>[];
  readonly signal?: AbortSignal;
}

interface Loaded {
  readonly connection: Connection;
  readonly system: OperatingSystem;
}

/** A later update of the EEPROM than the one just flashed is taken once more, not for ever. */
const mostUpdates = 3;

const record = (run: Run, request: FileRequest): void => {
  run.requests.push(request);
  run.context.emit({ type: 'file', request });
};

/** bootcode.bin now and then asks a second time, 5 to 9 ms later from another port, and drops that one (fw#1700). */
const repeatRequest = (run: Run, transport: FileTransport, path: string): void => {
  const { random, quirks, clock } = run.context;
  if (random.next() >= quirks.duplicateRequests) return;
  const repeat = async (): Promise<void> => {
    await clock.sleep(random.between(5, 9), run.signal);
    const started = clock.now();
    const result = await transport.request(path);
    record(run, {
      path,
      transport: transport.name,
      purpose: 'duplicate',
      ms: tenths(clock.now() - started),
      ...result,
    });
  };
  run.duplicates.push(repeat().catch(() => undefined));
};

const transportFor = (
  run: Run,
  { server, localAddress, tftpPort, httpPort }: Connection,
  manners: TftpManners,
): FileTransport => {
  const { options, context, signal } = run;
  const local = localAddress === undefined ? {} : { localAddress };
  if (options.transport !== 'http')
    return tftpTransport({ server, port: tftpPort, ...local }, manners, context.clock, signal);
  return httpTransport(
    { host: server, port: httpPort, timeoutMs: manners.fileTimeoutMs, ...local },
    context.clock,
    signal,
  );
};

const filesOver = (run: Run, transport: FileTransport, silence: Afterwards, repeats: boolean): FirmwareFiles => {
  const { options, context } = run;
  return createFirmwareFiles({
    transport,
    content: options.content ?? 'memory',
    hashes: options.hashes ?? true,
    clock: context.clock,
    record: transport.name === 'ramdisk' ? () => undefined : (request) => record(run, request),
    ...(repeats ? { onRead: (path: string) => repeatRequest(run, transport, path) } : {}),
    silence,
  });
};

const bootLegacy = async (run: Run): Promise<Loaded> => {
  const { context, access, signal } = run;
  const first = context.identity.model.firstStage;
  const romConnection = await access.connect(first, undefined, signal);
  const romFiles = filesOver(run, transportFor(run, romConnection, romManners), stopsForGood, false);
  await runRom({ context, files: romFiles, afterwards: stopsForGood });
  const connection = await access.connect('bc', undefined, signal);
  const files = filesOver(run, transportFor(run, connection, bootcodeManners), stopsForGood, true);
  return { connection, system: await runBootcode({ context, files, afterwards: stopsForGood }) };
};

const runEepromStage = (stage: Stage): Promise<EepromOutcome> =>
  stage.context.identity.model.chip === 'bcm2711' ? runEeprom2711(stage) : runEeprom2712(stage);

/** Goes on from a boot.img in memory: the same files, asked of the RAM disk. */
const bootRamdisk = async (run: Run, bytes: Buffer): Promise<OperatingSystem> => {
  const image = openFatImage(bytes);
  if (image === undefined)
    return halt('boot-image', 'not-fat', 'boot.img is no FAT file system', led.generic, eepromRetry);
  const files = filesOver(run, ramdiskTransport(image), eepromRetry, false);
  const outcome = await runEepromStage({ context: run.context, files, afterwards: eepromRetry });
  if (outcome.kind === 'system') return outcome.system;
  return halt('boot-image', 'nested', `boot.img asks for another ${outcome.kind}`, led.generic, eepromRetry);
};

const bootOverHttp = async (run: Run): Promise<Loaded> => {
  const { context, access, signal } = run;
  const { HTTP_HOST: host, HTTP_PORT: port, HTTP_PATH: folder, date, TFTP_FILE_TIMEOUT: timeoutMs } = context.eeprom;
  const connection = await access.connect('ee', host, signal);
  const local = connection.localAddress === undefined ? {} : { localAddress: connection.localAddress };
  const target = { host, port, folder, timeoutMs, ...local };
  const transport = bootModeTransport(target, context.identity, date, context.clock, signal);
  const files = filesOver(run, transport, eepromRetry, false);
  const image = await fetchBootImage({ context, files, afterwards: eepromRetry });
  return { connection, system: await bootRamdisk(run, image) };
};

const bootOverNetwork = async (run: Run): Promise<Loaded | Extract<EepromOutcome, { kind: 'update' }>> => {
  const { context, access, signal } = run;
  const known = context.eeprom.TFTP_IP === '' ? undefined : context.eeprom.TFTP_IP;
  const connection = await access.connect('ee', known, signal);
  const files = filesOver(run, transportFor(run, connection, eepromManners(context.eeprom)), eepromRetry, false);
  const stage: Stage = { context, files, afterwards: eepromRetry };
  files.usePrefix(prefixOf(stage));
  const outcome = await runEepromStage(stage);
  if (outcome.kind === 'update') return outcome;
  if (outcome.kind === 'system') return { connection, system: outcome.system };
  return { connection, system: await bootRamdisk(run, outcome.image.bytes ?? Buffer.alloc(0)) };
};

const bootEeprom = async (run: Run): Promise<Loaded> => {
  if (run.context.eeprom.bootMode === 'http') return bootOverHttp(run);
  let eeprom: EepromSettings = run.context.eeprom;
  for (let updates = 0; updates <= mostUpdates; updates += 1) {
    const outcome = await bootOverNetwork({ ...run, context: { ...run.context, eeprom } });
    if ('system' in outcome) return outcome;
    run.context.emit({ type: 'eeprom-update', timestamp: outcome.timestamp, sha256: outcome.sha256 });
    eeprom = { ...eeprom, updateTimestamp: outcome.timestamp };
  }
  return halt('bootloader', 'update-loop', 'the EEPROM update is offered over and over', led.generic, eepromRetry);
};

const imageOf = (run: Run, { connection, system }: Loaded, ms: number): BootImage => {
  const { identity } = run.context;
  return {
    identity,
    address: connection.address,
    server: connection.server,
    ...system,
    bootargs: bootargsOf(identity, system.cmdline, system.config),
    files: run.requests,
    ms,
  };
};

const describeLoaded = (image: BootImage): BoardEvent => ({
  type: 'loaded',
  kernel: image.kernel.path,
  initramfs: image.initramfs.map(({ path }) => path),
  dtb: image.dtb?.path ?? '',
  cmdline: image.cmdline,
});

/**
 * A board that is off. `boot()` switches it on.
 * @throws RangeError naming the option that is wrong.
 */
export const createBoard = (options: BoardOptions): Board => {
  const { identity } = options;
  const clock = options.clock ?? createClock(options.clockScale ?? 1);
  const random = options.random ?? createRandom(seedOf(identity.serial));
  const eeprom = eepromWith(options.eeprom);
  const quirks = { ...defaultQuirks, ...options.quirks };
  let poweredOn = clock.now();
  let boots = 0;
  const emit = (event: BoardEvent): void =>
    options.onStep?.({ at: Math.round(clock.now() - poweredOn), serial: identity.serial, ...event });
  const baseContext = { identity, eeprom, quirks, clock, random, emit };
  const access = createNetworkAccess(options.network, { ...baseContext, tryboot: false });

  const runOnce = async (run: Run): Promise<BootResult> => {
    const since = (): number => tenths(clock.now() - poweredOn);
    try {
      const loaded = await (identity.model.firstStage === 'ee' ? bootEeprom(run) : bootLegacy(run));
      const image = imageOf(run, loaded, since());
      emit(describeLoaded(image));
      return { ok: true, image };
    } catch (error) {
      if (!(error instanceof FirmwareHalt)) throw error;
      const { step, reason, message, shows } = error.failure;
      emit({ type: 'failed', step, reason, message, shows });
      return { ok: false, failure: { ...error.failure, files: run.requests, ms: since() } };
    } finally {
      await Promise.all(run.duplicates);
    }
  };

  const boot: Board['boot'] = async (bootOptions = {}) => {
    boots += 1;
    poweredOn = clock.now();
    const { signal, unchain } = chained(bootOptions.signal);
    const context: FirmwareContext = { ...baseContext, tryboot: bootOptions.tryboot ?? options.tryboot ?? false };
    emit({ type: 'power-on', model: identity.model.name, mac: identity.mac, boot: boots });
    let succeeded = false;
    try {
      const result = await runOnce({ options, context, access, requests: [], duplicates: [], signal });
      succeeded = result.ok;
      return result;
    } finally {
      unchain();
      if (!succeeded) await access.release();
    }
  };

  return { identity, boot, release: () => access.release() };
};
