/**
 * The operating system's stage of a board that boots from Drover: initramfs and agent, step by step as device/initramfs/init and device/lib/up speak to
 * the device API (contract/device-api). Nothing is mounted and nothing kept: what comes over the network is checked and dropped.
 */
import { createHash } from 'node:crypto';
import { deviceApiBase, type ExchangeAnswer } from '@drover/contract';
import { createDeviceHttp, valuesOf, type DeviceAnswer } from './device-http.js';
import type { OsBoard, OsOutcome, OsStage } from './os-stage.js';
import { followDisks } from './runtime-disks.js';
import { exchangeSecret, kernelRelease } from './runtime-exchange.js';
import { readParameters, type RuntimeParameters } from './runtime-parameters.js';
import { createReportQueue } from './runtime-reports.js';
import { createRootDownload, megabytes } from './runtime-root.js';
import {
  backOff,
  doStep,
  enter,
  fail,
  finish,
  get,
  insist,
  isGood,
  isRefusal,
  PlayEnd,
  sessionPath,
  type RuntimeFaults,
  type RuntimeRun,
} from './runtime-run.js';
import type { BootImage } from './types.js';

export { playedSteps, type PlayedStep, type RuntimeFaults } from './runtime-run.js';

/** Seconds before a restart, and up to as many by chance. */
const restartDelay = 15;

const nothing = (): string => '';

/** Seconds since 1970, from the answer or at least from its head; NaN without. */
const toldTime = (answer: DeviceAnswer): number =>
  Number((isGood(answer) ? valuesOf(answer)['time'] : undefined) ?? Date.parse(answer.date) / 1000);

/** The board's clock is not set by a simulation: that there is a time to set it by is what counts. */
const askTime = async (run: RuntimeRun): Promise<string> => {
  const answer = await insist(run, () => get(run, `${deviceApiBase}/time`), {
    wanted: (each) => Number.isFinite(toldTime(each)),
    refused: () => false,
    what: 'the server does not tell the time',
  });
  return new Date(toldTime(answer) * 1000).toISOString().slice(0, 19).replace('T', ' ');
};

const fetchRoot = async (run: RuntimeRun, grant: ExchangeAnswer): Promise<void> => {
  if (grant.mode !== 'ram') return fail(run, `this board cannot attach disks, which mode ${grant.mode} needs`);
  const { rootSha256: sha256, rootSize: size } = grant;
  const { uptime, reports, http } = run;
  const root = createRootDownload(
    { sha256, size },
    {
      transfer: (from, take) => {
        const { authorization } = run;
        return http.download({ method: 'GET', path: sessionPath(run, 'root'), authorization, from }, take);
      },
      report: (step, state, message) => reports.report(step, state, message),
      pause: backOff(run.board),
      uptime,
      fail: (message) => fail(run, message),
    },
  );
  const started = uptime();
  const took = (): string => `${megabytes(size)} in ${Math.round(uptime() - started)} s`;
  await doStep(run, 'download', megabytes(size), () => root.fetch(), took);
  await doStep(run, 'verify', '', () => root.verify(), nothing);
};

/** A tar, to be laid over the root. Its digest is told, so that one can see that a board stays itself. */
const fetchIdentity = async (run: RuntimeRun): Promise<void> => {
  const answer = await insist(run, () => get(run, sessionPath(run, 'identity')), {
    wanted: isGood,
    refused: isRefusal,
    what: 'the identity cannot be fetched',
  });
  // Magic of POSIX tar (IEEE 1003.1, pax, ustar interchange format).
  if (answer.body.subarray(257, 262).toString('latin1') !== 'ustar') fail(run, 'the identity cannot be unpacked');
  run.board.say(`identity sha256 ${createHash('sha256').update(answer.body).digest('hex')}`);
};

/** From a bare kernel to the hand-over: device/initramfs/init. */
const initramfs = async (run: RuntimeRun): Promise<void> => {
  const { identity } = run.board;
  const runtime = `runtime ${kernelRelease}, kernel ${kernelRelease}, ${identity.model.title}`;
  await doStep(run, 'start', runtime, nothing, nothing);
  await doStep(run, 'modules', '', nothing, () => '0 modules');
  const lease = `${run.boot.address} on eth0 (${identity.mac})`;
  await doStep(
    run,
    'network',
    '',
    () => run.reports.open(),
    () => lease,
  );
  await doStep(
    run,
    'clock',
    '',
    () => askTime(run),
    (time) => time,
  );
  const grant = await doStep(
    run,
    'exchange',
    '',
    () => exchangeSecret(run),
    ({ mode }) => `mode ${mode}`,
  );
  if (grant.mode !== 'ram') fail(run, `this runtime has no root mode ${grant.mode}`);
  await fetchRoot(run, grant);
  await doStep(run, 'mount', '', nothing, nothing);
  await doStep(
    run,
    'identity',
    '',
    () => fetchIdentity(run),
    () => grant.hostname,
  );
  await doStep(run, 'prepare', '', nothing, () => 'init is other; 0 mounts left out;');
};

/** The hand-over, and what the running system tells: the end of init, and device/lib/up. */
const runningRoot = async (run: RuntimeRun): Promise<void> => {
  const { reports } = run;
  const handOver = async (): Promise<void> => void (await reports.insist(2));
  await doStep(run, 'switch', '/sbin/init', handOver, nothing);
  enter(run, 'up');
  await finish(run, kernelRelease);
  if (!(await reports.insist(60))) fail(run, 'nobody takes the report that the board is up');
  await reports.log('up', 'kernel', kernelLog(run));
};

/** The running system goes on by itself, whoever waits for the board to come up. */
const stayUp = (run: RuntimeRun, off: AbortSignal): void => {
  const { parameters, board } = run;
  const local = board.localAddress === undefined ? {} : { localAddress: board.localAddress };
  const http = createDeviceHttp({ ...parameters, ...local }, board.clock, off);
  followDisks(run, http, off).catch((error: unknown) => {
    if (!off.aborted) board.say(`it does not ask for its disks any more: ${String(error)}`);
  });
};

const kernelLog = ({ boot, board }: RuntimeRun): string =>
  [
    `[    0.000000] Simulated kernel on ${board.identity.model.title}`,
    // A log is read by more people than a command line.
    `[    0.000000] Command line: ${boot.cmdline.replace(/(drover\.secret=)\S+/, '$1...')}`,
    '',
  ].join('\n');

/** What device/lib/fail.sh leaves with the server before it restarts. */
const reportFailure = async (run: RuntimeRun, message: string): Promise<void> => {
  const { step, reports } = run;
  await reports.report(step, 'failed', message);
  if (!(await reports.insist(4))) return;
  await reports.log(step, 'kernel', kernelLog(run));
  await reports.log(step, 'initramfs', `failed at ${step}: ${message}\n`);
};

const play = async (run: RuntimeRun, off: AbortSignal | undefined): Promise<OsOutcome> => {
  const ended = new AbortController();
  try {
    await initramfs(run);
    if (off !== undefined) stayUp(run, AbortSignal.any([off, ended.signal]));
    await runningRoot(run);
    return { ok: true, message: `session ${run.parameters.session}` };
  } catch (error) {
    ended.abort();
    if (!(error instanceof PlayEnd)) throw error;
    const { outcome } = error;
    if (outcome.reason !== 'stopped') await reportFailure(run, outcome.message);
    return outcome;
  }
};

const prepare = (boot: BootImage, board: OsBoard, parameters: RuntimeParameters, faults: RuntimeFaults): RuntimeRun => {
  const { clock, signal, localAddress } = board;
  const started = clock.now();
  const uptime = (): number => clock.boardTime(clock.now() - started) / 1000;
  const server = { ...parameters, ...(localAddress === undefined ? {} : { localAddress }) };
  const http = createDeviceHttp(server, clock, signal);
  const post = async (query: string, body?: string): Promise<number> => {
    const { authorization } = run;
    const path = `${sessionPath(run, 'reports')}?${query}`;
    const text = body === undefined ? {} : { body, type: 'text/plain' };
    return (await http.ask({ method: 'POST', path, authorization, ...text })).status;
  };
  const run: RuntimeRun = {
    ...{ boot, board, faults, parameters, http, uptime, restartDelay },
    reports: createReportQueue({ uptime, post, pause: backOff(board) }),
    authorization: `Secret ${parameters.secret}`,
    step: 'start',
  };
  return run;
};

/**
 * A stage that plays Drover's device runtime, from the command line the board was served to the "up" report.
 * @param off until then the board stays up, and asks for its data disks; without it nothing is heard of a board that is up
 */
export const createRuntimeStage =
  (faults: RuntimeFaults = {}, off?: AbortSignal): OsStage =>
  async (boot, board) => {
    const read = readParameters(boot.bootargs);
    // Without them there is no server to tell.
    if (!read.ok) return { ok: false, reason: 'start', message: read.why, restartAfterMs: restartDelay * 1000 };
    return play(prepare(boot, board, read.parameters, faults), off);
  };
