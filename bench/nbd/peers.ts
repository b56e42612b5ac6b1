import { join } from 'node:path';
import { cached } from '../../e2e/inputs/cache.js';
import { run } from '../../e2e/inputs/run.js';

export interface Nbdkit {
  readonly program: string;
  readonly cow: string;
  readonly file: string;
}

/** nbdkit from its Debian package, unpacked and not installed. */
export async function unpackNbdkit(): Promise<Nbdkit> {
  const folder = await cached({
    name: 'nbd-peers',
    code: [],
    needs: [process.arch],
    build: async (dir) => {
      await run(['apt-get', 'download', 'nbdkit'], { cwd: dir });
      await run(['sh', '-ec', 'for package in *.deb; do dpkg -x "$package" .; rm "$package"; done'], { cwd: dir });
      await run(['sh', '-ec', 'mv usr/lib/*/nbdkit nbdkit'], { cwd: dir });
    },
  });
  return {
    program: join(folder, 'usr/bin/nbdkit'),
    cow: join(folder, 'nbdkit/filters/nbdkit-cow-filter.so'),
    file: join(folder, 'nbdkit/plugins/nbdkit-file-plugin.so'),
  };
}
