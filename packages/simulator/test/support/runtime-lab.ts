/** A stage under test: what a firmware would have handed over, and a stand-in for a server that misbehaves as it is told. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createDeviceServer, type DeviceServer, type Faults } from '../../../../e2e/device/server.js';
import { createClock, type Clock } from '../../src/clock.js';
import { createIdentity } from '../../src/identity.js';
import type { OsOutcome } from '../../src/os-stage.js';
import { createRandom } from '../../src/random.js';
import { createRuntimeStage, type RuntimeFaults } from '../../src/runtime-stage.js';
import type { BootImage } from '../../src/types.js';

const run = promisify(execFile);

export interface RuntimeLab {
  /** Plays one boot against a server with these faults; pauses are fifty times shorter. */
  play(options?: PlayOptions): Promise<Played>;
  dispose(): Promise<void>;
}

export interface PlayOptions {
  readonly server?: Faults;
  readonly board?: RuntimeFaults;
  /** Appended to the command line. */
  readonly cmdline?: string;
  readonly signal?: AbortSignal;
  /** Nobody listens at the address in the command line. */
  readonly away?: boolean;
}

export interface Played {
  readonly outcome: OsOutcome;
  readonly server: DeviceServer;
  readonly said: readonly string[];
}

/** Pauses are short, but a request has its full time: a busy machine is no fault of the server. */
const [quick, real] = [createClock(0.02), createClock()];
const clock: Clock = { ...quick, timer: (ms, run) => real.timer(ms, run) };
const identity = createIdentity({ model: '4b', serial: '1000000091cdf03d' });

const imageOf = (cmdline: string): BootImage => ({
  ...{ identity, address: '127.16.0.9', server: '127.0.0.1', prefix: '91cdf03d/', arm64: true },
  kernel: { path: 'kernel8.img', size: 1 },
  ...{ initramfs: [], overlays: [], config: [], files: [], ms: 0, cmdline, bootargs: `coherent_pool=1M ${cmdline}` },
});

export const createRuntimeLab = async (): Promise<RuntimeLab> => {
  const folder = await mkdtemp(join(tmpdir(), 'drv-runtime-'));
  const bytes = randomBytes(3_000_000);
  const root = {
    path: join(folder, 'root'),
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
  await writeFile(root.path, bytes);
  await mkdir(join(folder, 'tree/etc'), { recursive: true });
  await writeFile(join(folder, 'tree/etc/hostname'), 'herd-7\n');
  await run('tar', ['-C', join(folder, 'tree'), '-cf', join(folder, 'identity.tar'), 'etc']);
  const identityTar = await readFile(join(folder, 'identity.tar'));

  const play: RuntimeLab['play'] = async ({ server: faults = {}, board = {}, cmdline = '', signal, away } = {}) => {
    const server = await createDeviceServer({ root, identityTar, hostname: 'herd-7', faults });
    const said: string[] = [];
    try {
      const url = `http://127.0.0.1:${server.port}`;
      const line = `drover.url=${url} drover.session=${server.session} drover.secret=${server.secret} drover.mode=ram`;
      if (away === true) await server.close();
      const outcome = await createRuntimeStage(board)(imageOf(`${line} ${cmdline}`), {
        ...{ identity, localAddress: '127.16.0.9', clock, random: createRandom(7) },
        say: (message) => said.push(message),
        ...(signal === undefined ? {} : { signal }),
      });
      return { outcome, server, said };
    } finally {
      if (away !== true) await server.close();
    }
  };
  return { play, dispose: () => rm(folder, { recursive: true, force: true }) };
};
