import type { ListedPackage } from '@drover/debian';
import { writeInSandbox, workbench } from '../machine/workbench.js';
import { repositoryIndex } from '../packages/repository.js';
import type { StepContext } from './context.js';

/** A layer goes to the disk once, when it is made: dpkg need not wait for the disk at each package (dpkg(1), --force-unsafe-io). */
const dpkgSettings = '/etc/dpkg/dpkg.cfg.d/drover-build';
const withoutSync = `mkdir -p "$1$(dirname ${dpkgSettings})" && echo force-unsafe-io >"$1${dpkgSettings}"`;

/** Debian's minimal system from exactly these packages, into an empty folder of the sandbox. */
export async function makeSystem(
  packages: readonly ListedPackage[],
  into: string,
  { sandbox, architecture, env, onOutput }: Omit<StepContext, 'root'>,
): Promise<void> {
  await writeInSandbox(sandbox, `${workbench.repository}/Packages`, repositoryIndex(packages));
  const shown = `"$1${workbench.repository}"`;
  const args = [
    ...['--mode=root', '--variant=minbase', '--format=directory', `--architectures=${architecture}`, '--verbose'],
    // What a mirror promises was compared when its packages came.
    ...['--skip=check/qemu,check/signed-by', '--aptopt=Acquire::Languages "none"'],
    `--setup-hook=mkdir -p ${shown} && mount --rbind ${workbench.repository} ${shown}`,
    `--setup-hook=${withoutSync}`,
    '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr',
    `--customize-hook=umount --recursive ${shown} && rmdir ${shown}; rm "$1${dpkgSettings}"`,
    ...['', into, `deb [trusted=yes] file:${workbench.repository} ./`],
  ];
  await sandbox.run('mmdebstrap', args, { env: { ...env, TMPDIR: workbench.temporary }, onOutput });
  // What apt knew of that repository, and what was this machine's.
  await sandbox.run('sh', [
    '-euc',
    'cd "$1"; rm -rf etc/resolv.conf etc/hostname etc/apt/sources.list var/lib/apt/lists/*',
    'sh',
    into,
  ]);
}
