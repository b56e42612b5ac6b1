import type { ToolRunner } from '@drover/tools';

/**
 * `initfs.tgz`: all of the boot partition, in the form CattlePi's cards unpack (`tar -xzf`). Sorted, owned by no one in particular, of one time: the same
 * folder gives the same bytes.
 */
export async function packInitfs(folder: string, into: string, epoch: number, tools: ToolRunner): Promise<void> {
  const form = ['--sort=name', `--mtime=@${epoch}`, '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  // gzip keeps no name and no time of what it is piped. Most of it is compressed already: -9 takes twice as long for a thousandth.
  await tools.run('tar', ['-c', '-f', into, '-C', folder, ...form, '--mode=u+rw,go+r', '-I', 'gzip -6 -n', '.']);
}
