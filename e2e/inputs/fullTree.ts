import { existsSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { aptSourceLine, debianCodename, debianSources } from './aptSources.js';
import { cached } from './cache.js';
import { run } from './run.js';

/** What a headless Pi system has beside minbase. iputils-ping brings a file with a capability. */
const included = [
  ...['systemd', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'netbase', 'iproute2'],
  ...['iputils-ping', 'libcap2-bin', 'openssh-server'],
];

/** Manuals and translations, half of the files and of no use here. */
const excludedPaths = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*'];

const binfmt = '/proc/sys/fs/binfmt_misc';

/**
 * Lets this machine's kernel start arm64 programs (maintainer scripts, while the tree is built) through qemu-user, with
 * the registration Debian ships. It stays until the machine is restarted and disturbs nobody.
 */
async function ensureArm64Programs(): Promise<void> {
  if ((await run(['arch-test', 'arm64'], { okCodes: [0, 1] })).code === 0) return;
  if (!existsSync(`${binfmt}/register`)) await run(['mount', '-t', 'binfmt_misc', 'binfmt_misc', binfmt]);
  const shipped = await readFile('/usr/lib/binfmt.d/qemu-aarch64.conf', 'utf8');
  const registration = shipped.split('\n').find((line) => line.startsWith(':'));
  if (registration === undefined) throw new Error('qemu-user-static ships no registration for arm64');
  await writeFile(`${binfmt}/register`, registration);
  await run(['arch-test', 'arm64']);
}

async function bootstrap(tree: string): Promise<void> {
  const sources = (await debianSources()).map((source) => aptSourceLine(source, ['main']));
  const options = [
    ...['--quiet', '--mode=root', '--variant=minbase', '--arch=arm64', '--dpkgopt=force-unsafe-io'],
    ...excludedPaths.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    `--include=${included.join(',')}`,
  ];
  await run(['mmdebstrap', ...options, await debianCodename(), tree, '-'], { input: sources.join('\n') + '\n' });
}

/** A fresh installation is nobody's yet: no host keys, no machine id, no trace of where it was built. */
async function depersonalise(tree: string): Promise<void> {
  const { stdout } = await run(['find', path.join(tree, 'etc/ssh'), '-name', 'ssh_host_*']);
  const gone = stdout.split('\n').filter((file) => file !== '');
  for (const file of [...gone, path.join(tree, 'etc/apt/sources.list')]) await rm(file, { force: true });
  await rm(path.join(tree, 'etc/apt/sources.list.d'), { recursive: true, force: true });
  await writeFile(path.join(tree, 'etc/machine-id'), '');
}

/**
 * Debian arm64 with systemd, as a tar (`tree.tar.zst`) in the cache: minutes to build, because its maintainer scripts run
 * under emulation, seconds to unpack. It has no kernel, no fstab and no network settings yet. Beside it, `dpkg-status`
 * is its package database.
 */
export async function fullTree(): Promise<string> {
  const dir = await cached({
    name: 'full-tree',
    code: ['fullTree.ts'],
    needs: [await debianCodename(), ...included],
    async build(into) {
      const tree = path.join(into, 'tree');
      await ensureArm64Programs();
      await bootstrap(tree);
      await depersonalise(tree);
      await cp(path.join(tree, 'var/lib/dpkg/status'), path.join(into, 'dpkg-status'));
      await run([
        'tar',
        '--zstd',
        '--numeric-owner',
        '--xattrs',
        '--xattrs-include=*',
        '-C',
        tree,
        '-cf',
        path.join(into, 'tree.tar.zst'),
        '.',
      ]);
      await rm(tree, { recursive: true });
    },
  });
  return path.join(dir, 'tree.tar.zst');
}

/** Unpacks the tree with owners, links, device nodes and capabilities into `root`, an existing folder. */
export async function unpackFullTree(tar: string, root: string): Promise<void> {
  await run(['tar', '--zstd', '--numeric-owner', '--xattrs', '--xattrs-include=*', '-C', root, '-xpf', tar]);
}
