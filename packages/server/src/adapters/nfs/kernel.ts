import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { Tools } from '@drover/tools';
import type { NfsExport, NfsServer } from '../../app/nfs/ports.js';

export interface KernelNfsDeps {
  readonly tools: Tools;
  /** A file of our own below /etc/exports.d: the administrator's are never touched. */
  readonly exportsFile: string;
  /** Folder of the kernel's server; not there while it does not run. */
  readonly proc?: string;
}

const defaults = { proc: '/proc/fs/nfsd' };

/**
 * Identity of an export in file handles: the same in each life of the server, and no other's. Without it the kernel takes that of the file system, which overlays do not have
 * and directories of one file system share.
 */
const fsid = (disk: string): string => {
  const hex = createHash('sha256').update(disk).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-');
};

/** `no_subtree_check`: each directory is a file system of its own (see clone.ts). `no_root_squash`: it is the board's root. See exports(5). */
const optionsOf = ({ disk, readOnly }: NfsExport): string =>
  [readOnly ? 'ro' : 'rw', 'sync', 'no_root_squash', 'no_subtree_check', 'sec=sys', `fsid=${fsid(disk)}`].join(',');

const keyOf = ({ address, folder }: NfsExport): string => `${address}:${folder}`;

/** The kernel's NFS server, which the machine's administrator has running. */
export function createKernelNfs({ tools, exportsFile, proc = defaults.proc }: KernelNfsDeps): NfsServer {
  /** What is exported, by client and folder. */
  const current = new Map<string, string>();
  let spoken: ReturnType<NfsServer['versions']> = '3,4';

  const write = async (exports: readonly NfsExport[]): Promise<void> => {
    const lines = exports.map((each) => `"${each.folder}" ${each.address}(${optionsOf(each)})\n`);
    await mkdir(dirname(exportsFile), { recursive: true });
    await writeFile(`${exportsFile}.new`, `# Written by drover, which puts it right again.\n${lines.join('')}`, {
      mode: 0o644,
      flush: true,
    });
    await rename(`${exportsFile}.new`, exportsFile);
  };

  const change = async (exports: readonly NfsExport[]): Promise<void> => {
    const wanted = new Map(exports.map((each) => [keyOf(each), optionsOf(each)]));
    for (const key of [...current.keys()]) {
      if (wanted.has(key)) continue;
      await tools.run('exportfs', ['-u', key]);
      current.delete(key);
    }
    for (const [key, options] of wanted) {
      if (current.get(key) === options) continue;
      await tools.run('exportfs', ['-i', '-o', options, key]);
      current.set(key, options);
    }
  };

  return {
    port: 2049,
    mountPort: 0,
    versions: () => spoken,
    path: ({ folder }) => folder,
    apply: async (exports) => {
      await write(exports);
      await change(exports);
    },
    start: async () => {
      const said = await readFile(`${proc}/versions`, 'utf8').catch(() => undefined);
      if (said === undefined || said.trim() === '') throw new RefusedError(notRunning);
      const [has3, has4] = [/\+3\b/.test(said), /\+4\b/.test(said)];
      spoken = has3 && has4 ? '3,4' : has3 ? '3' : '4';
      for (const key of await readOlder(exportsFile)) current.set(key, 'of an earlier life');
    },
    // Boards keep their roots while this server is away.
    stop: () => Promise.resolve(),
  };
}

const notRunning = refusal('tool.missing', 'The kernel of this machine serves no NFS (setting nfs.driver).', {
  remedy:
    'Install and start it: apt install nfs-kernel-server && systemctl start nfs-server; or set nfs.driver to ganesha.',
});

/** What an earlier life of this server exported, by client and folder: the kernel has it still, and boards run from it. */
async function readOlder(exportsFile: string): Promise<string[]> {
  const text = await readFile(exportsFile, 'utf8').catch(() => '');
  return [...text.matchAll(/^"([^"\n]+)" ([0-9a-fA-F.:]+)\(/gm)].map(([, folder, address]) => `${address}:${folder}`);
}
