import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

/** What each client does, all of them at once. */
export interface Load {
  readonly rw: 'read' | 'randread' | 'write' | 'randwrite';
  /** Bytes of a request. */
  readonly block: number;
  readonly depth: number;
  /** Bytes of the disk that are used, from its start on. */
  readonly span: number;
  /** Bytes that each client moves. */
  readonly bytes: number;
  readonly seed: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly bytes: number;
  /** From the first request to the last reply, and the flush behind it. */
  readonly seconds: number;
  /** Why the run proves nothing. */
  readonly problem: string | undefined;
}

interface FioSide {
  readonly io_bytes: number;
  readonly total_ios: number;
}
interface FioJob {
  readonly error: number;
  readonly job_runtime: number;
  readonly read: FioSide;
  readonly write: FioSide;
}

/** Far more than any of the runs needs. */
const timeoutMs = 300_000;

/** The same options for the run and for its verification: fio then knows again what it has written where. */
function optionsOf(load: Load, uris: readonly string[]): string[] {
  const all = [
    ...['--ioengine=nbd', '--thread', '--output-format=json', '--randrepeat=1', `--randseed=${load.seed}`],
    ...[`--rw=${load.rw}`, `--bs=${load.block}`, `--iodepth=${load.depth}`],
    ...[`--size=${load.span}`, `--io_size=${load.bytes}`],
  ];
  const isWrite = load.rw.endsWith('write');
  // A checksum in each block, of which the server knows nothing.
  if (isWrite) all.push('--verify=crc32c', '--verify_state_save=0', '--end_fsync=1');
  return [...all, ...uris.flatMap((uri, each) => [`--name=c${each}`, `--uri=${uri}`])];
}

async function fio(core: number, args: readonly string[]): Promise<FioJob[]> {
  const { stdout } = await runFile('taskset', ['-c', String(core), 'fio', ...args], {
    timeout: timeoutMs,
    maxBuffer: 64 << 20,
  });
  return (JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: FioJob[] }).jobs;
}

/** Runs the load. Rejects when fio fails, or does not end. */
export async function runLoad(core: number, load: Load, uris: readonly string[]): Promise<LoadResult> {
  const isWrite = load.rw.endsWith('write');
  const jobs = await fio(core, [...optionsOf(load, uris), ...(isWrite ? ['--do_verify=0'] : [])]);
  const sides = jobs.map((job) => (isWrite ? job.write : job.read));
  const bytes = sides.reduce((sum, side) => sum + side.io_bytes, 0);
  const failed = jobs.filter((job) => job.error !== 0).length;
  const problem =
    failed > 0
      ? `${failed} clients had errors`
      : bytes !== load.bytes * uris.length
        ? `${bytes} bytes were moved, not ${load.bytes * uris.length}`
        : undefined;
  return {
    requests: sides.reduce((sum, side) => sum + side.total_ios, 0),
    bytes,
    seconds: Math.max(...jobs.map((job) => job.job_runtime)) / 1000,
    problem,
  };
}

/** Reads what `runLoad` has written with the same load. */
export async function verifyLoad(core: number, load: Load, uris: readonly string[]): Promise<string | undefined> {
  const jobs = await fio(core, [...optionsOf(load, uris), '--verify_only=1', '--verify_fatal=1']);
  const failed = jobs.filter((job) => job.error !== 0).length;
  return failed === 0 ? undefined : `fio cannot read back what ${failed} clients wrote`;
}
