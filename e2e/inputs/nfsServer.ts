import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cached } from './cache.js';
import { openDebianArm, packageNeeds } from './debianArm.js';
import { withPresentPackages } from './imageInput.js';
import { installModules, mergeUsr, resolveKernel, unpackKernel } from './kernel.js';
import { run } from './run.js';

/** A machine for the lab whose kernel serves NFS: Debian's, with its NFS tools and its Node.js. */
export interface NfsServerMachine {
  /** ext4, a whole drive. No maintainer script has run in it. */
  readonly drive: string;
  /** Its root as a folder, for initramfs images. */
  readonly rootDir: string;
  /** The uncompressed arm64 kernel. */
  readonly kernel: string;
  readonly kernelRelease: string;
}

const packages = [
  ...['base-files', 'netbase', 'busybox-static', 'coreutils', 'mount', 'util-linux', 'libc-bin'],
  ...['nfs-kernel-server', 'nodejs', 'btrfs-progs'],
];

const modules = [
  ...['virtio_mmio', 'virtio_blk', 'virtio_net', 'virtio_console'],
  ...['ext4', 'crc32c_generic', 'btrfs', 'overlay', 'nfsd'],
];

const notNeeded = ['share/doc', 'share/man', 'share/locale', 'share/info', 'include'];

async function build(): Promise<string> {
  const debian = await openDebianArm('arm64');
  const kernel = await resolveKernel(debian, 'linux-image-arm64');
  const chosen = await debian.withDependencies(packages, '/dev/null');
  return cached({
    name: 'nfs-server',
    code: ['nfsServer.ts', 'kernel.ts', 'debianArm.ts'],
    needs: packageNeeds('arm64', [kernel.package, ...chosen]),
    async build(dir) {
      const [root, scratch] = [path.join(dir, 'root'), path.join(dir, 'scratch')];
      await debian.unpack(chosen, root);
      await mergeUsr(root);
      for (const name of ['bin', 'sbin', 'lib']) await run(['ln', '-sfn', `usr/${name}`, path.join(root, name)]);
      for (const name of notNeeded) await rm(path.join(root, 'usr', name), { recursive: true, force: true });
      for (const name of ['dev', 'proc', 'sys', 'run', 'tmp', 'work', 'srv', 'etc/exports.d'])
        await mkdir(path.join(root, name), { recursive: true });
      await run(['ln', '-sf', 'busybox', path.join(root, 'usr/bin/sh')]);
      await run(['ln', '-sfn', '/run', path.join(root, 'var/run')]);
      const users = ['root:x:0:0:root:/root:/bin/sh', '_rpc:x:101:65534::/run/rpcbind:/bin/false'];
      const more = ['statd:x:102:65534::/var/lib/nfs:/bin/false', 'nobody:x:65534:65534::/:/bin/false'];
      await writeFile(path.join(root, 'etc/passwd'), `${[...users, ...more].join('\n')}\n`);
      await writeFile(path.join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
      const files = await unpackKernel(debian, kernel, scratch);
      await installModules(files, root, { names: modules });
      await cp(files.image, path.join(dir, 'kernel'));
      await writeFile(path.join(dir, 'release'), kernel.release);
      await rm(scratch, { recursive: true });
      const drive = path.join(dir, 'drive.img');
      await run(['truncate', '-s', '768M', drive]);
      await run(['mke2fs', '-q', '-t', 'ext4', '-d', root, drive]);
    },
  });
}

/** Built once and then taken from the cache. */
export async function nfsServerMachine(): Promise<NfsServerMachine> {
  const dir = await withPresentPackages(['arm64'], build);
  return {
    drive: path.join(dir, 'drive.img'),
    rootDir: path.join(dir, 'root'),
    kernel: path.join(dir, 'kernel'),
    kernelRelease: await readFile(path.join(dir, 'release'), 'utf8'),
  };
}
