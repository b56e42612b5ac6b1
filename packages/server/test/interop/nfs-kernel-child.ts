/**
 * Drover's keeper of directories and of the kernel's NFS server as a process, to be run in a machine that has one. Arguments: folder of the directories, image. A line on
 * standard input is a JSON order; each is answered with a JSON line. Begins with `{ready}` or `{failed}`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { CloneMethod } from '@drover/contract';
import { RefusedError } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import { openFileSource } from '../../src/adapters/import/file-source.js';
import { createKernelNfs, openDirectories } from '../../src/adapters/nfs/index.js';
import { unpackTree } from '../../src/adapters/tools/index.js';
import type { NfsExport } from '../../src/app/nfs/ports.js';
import type { Log } from '../../src/app/ports.js';

export type KernelOrder =
  /** A directory with a file `secret` that says whose it is. */
  | { readonly create: string; readonly method: CloneMethod; readonly address: string }
  | { readonly apply: readonly NfsExport[] }
  | { readonly die: true };

export type KernelAnswer =
  | { readonly ready: string }
  | { readonly created: NfsExport }
  | { readonly applied: true }
  | { readonly failed: string };

const [folder = '', image = ''] = process.argv.slice(2);
const tell = (line: KernelAnswer): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
const tools = createToolRunner();
const never = { signal: new AbortController().signal, progress: () => undefined };
const server = createKernelNfs({ tools, exportsFile: '/etc/exports.d/drover.exports' });

async function create(disk: string, method: CloneMethod, address: string): Promise<NfsExport> {
  const pool = await openDirectories({
    ...{ folder: join(folder, method), method, tools, log, blobPath: async () => image },
    unpack: (source, to, options) => unpackTree({ tools, openSource: openFileSource }, source, to, options),
  });
  await pool.create({ disk, origin: { kind: 'image', digest: 'cd'.repeat(32), partition: 2 } }, never);
  const place = pool.place(disk);
  if (place === undefined) throw new Error('it is not there');
  await writeFile(join(place.folder, 'secret'), `of ${disk}\n`);
  return { disk, address, readOnly: false, ...place };
}

async function obey(order: KernelOrder): Promise<KernelAnswer> {
  if ('create' in order) return { created: await create(order.create, order.method, order.address) };
  if ('die' in order) process.kill(process.pid, 'SIGKILL');
  else await server.apply(order.apply);
  return { applied: true };
}

const failedBy = (error: unknown): KernelAnswer => ({
  failed: error instanceof RefusedError ? `${error.refusal.detail} ${error.refusal.remedy ?? ''}` : String(error),
});

await server.start(never.signal).then(
  () => tell({ ready: server.versions() }),
  (error: unknown) => tell(failedBy(error)),
);
for await (const line of createInterface({ input: process.stdin }))
  tell(await obey(JSON.parse(line) as KernelOrder).catch(failedBy));
