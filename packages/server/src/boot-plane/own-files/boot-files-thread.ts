import { parentPort, workerData } from 'node:worker_threads';
import { askedDisk, createCopyWriter, readOwnFiles } from '../../adapters/boot-files/worker-side.js';
import type { FromThread, Port, ThreadInput, ToThread } from '../../adapters/boot-files/worker-side.js';

/** Entry of a thread that reads the boot files of one disk. */
async function run(input: ThreadInput, port: Port<ToThread, FromThread>): Promise<void> {
  const writer = createCopyWriter(input.folder);
  const tell = (result: Extract<FromThread, { kind: 'result' }>['result'], last: boolean): void =>
    port.postMessage({ kind: 'result', last, result, used: writer.used() });
  const disk = askedDisk(input.diskSize, port);
  const result = await readOwnFiles(input.wanted, {
    ...{ disk, base: input.base, limits: input.limits, writer },
    modules: async () => (await import('./pack-modules.js')).packModules,
    soFar: (partial) => tell(partial, false),
  });
  tell(result, true);
}

if (parentPort !== null) await run(workerData as ThreadInput, parentPort);
