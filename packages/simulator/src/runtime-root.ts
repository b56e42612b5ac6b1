/** Root mode ram, as device/lib/root-ram.sh fetches it: the download goes on where it was cut, and its bytes are checked. Nothing is kept but their digest. */
import { createHash } from 'node:crypto';
import { reasonOf, type DeviceAnswer, type TakeBytes } from './device-http.js';
import type { ReportState } from './runtime-reports.js';

export interface RootToFetch {
  readonly sha256: string;
  readonly size: number;
}

export interface RootDownloadDeps {
  /** One connection, from byte `from` on. */
  readonly transfer: (from: number, take: TakeBytes) => Promise<DeviceAnswer>;
  readonly report: (step: 'download' | 'verify', state: ReportState, message: string) => Promise<void>;
  /** Waits before the next attempt, longer each time. */
  readonly pause: (attempt: number, limit: number) => Promise<void>;
  /** Seconds since the kernel started. */
  readonly uptime: () => number;
  /** Ends the boot at the present step. */
  readonly fail: (message: string) => never;
}

/** Attempts in a row that bring nothing before it is given up. */
const mostAttempts = 8;
/** Seconds to the first report of how far it is, and between two of them. */
const firstReport = 2;
const nextReport = 3;
/** The server will say the same next time. */
const refusals: readonly number[] = [401, 403, 404, 410];

export const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_000_000)} MB`;

/** The bytes of one download, whatever number of connections they come over. */
const createTally = () => {
  let hash = createHash('sha256');
  let size = 0;
  const clear = (): void => {
    hash = createHash('sha256');
    size = 0;
  };
  return {
    size: () => size,
    clear,
    add: (chunk: Buffer): void => {
      hash.update(chunk);
      size += chunk.length;
    },
    digest: () => hash.copy().digest('hex'),
  };
};
type Tally = ReturnType<typeof createTally>;

export interface RootDownload {
  /** Until all bytes are there, or `fail`. */
  fetch(): Promise<void>;
  /** Whether they are the right ones; a second download settles it, or `fail`. */
  verify(): Promise<void>;
}

export const createRootDownload = (root: RootToFetch, deps: RootDownloadDeps): RootDownload => {
  const tally = createTally();
  const { report, uptime, fail } = deps;
  const howFar = (): string => `${megabytes(tally.size())} of ${megabytes(root.size)}`;

  /** One connection. The whole file in answer to a part of it is taken from its beginning. */
  const transfer = async (due: { at: number }): Promise<DeviceAnswer> => {
    let told = Promise.resolve();
    let isFirst = true;
    const answer = await deps.transfer(tally.size(), (chunk, status) => {
      if (isFirst && status === 200) tally.clear();
      isFirst = false;
      tally.add(chunk);
      if (uptime() < due.at || tally.size() >= root.size) return;
      due.at = uptime() + nextReport;
      const message = `${Math.floor((tally.size() * 100) / root.size)} %, ${howFar()}`;
      told = told.then(() => report('download', 'progress', message));
    });
    await told;
    return answer;
  };

  const fetch = async (): Promise<void> => {
    const due = { at: uptime() + firstReport };
    for (let attempt = 0; tally.size() !== root.size;) {
      const before = tally.size();
      const answer = await transfer(due);
      if (tally.size() === root.size) return;
      if (refusals.includes(answer.status)) fail(`the server refuses the root: ${reasonOf(answer)}`);
      if (tally.size() > root.size) tally.clear();
      attempt = tally.size() > before ? 0 : attempt + 1;
      if (attempt >= mostAttempts)
        fail(`the download stands at ${tally.size()} of ${root.size} bytes: ${reasonOf(answer)}`);
      await report('download', 'info', `interrupted at ${howFar()}, going on`);
      await deps.pause(attempt, 16);
    }
  };

  const verify = async (): Promise<void> => {
    if (isRight(tally, root)) return;
    const message = `the bytes are not those promised (sha256 ${tally.digest()}): downloading once more`;
    await report('verify', 'info', message);
    tally.clear();
    await fetch();
    if (!isRight(tally, root)) fail(`the root's sha256 is ${tally.digest()}, not ${root.sha256}, twice`);
  };

  return { fetch, verify };
};

const isRight = (tally: Tally, { sha256 }: RootToFetch): boolean => tally.digest() === sha256;
