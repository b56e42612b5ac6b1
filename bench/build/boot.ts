import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hostAddress, startUserGuest } from '../../e2e/device/guest.js';
import { identity, packIdentity } from '../../e2e/device/image.js';
import { createDeviceServer } from '../../e2e/device/server.js';
import { sha256OfFile } from '../../e2e/inputs/imageInput.js';

const boots = 3;

/** Seconds of the board's own clock from its kernel's start to "up", with the root of a build in its memory; each of some boots. */
export async function bootSeconds(out: string): Promise<number[]> {
  const boot = join(out, 'boot');
  rmSync(boot, { recursive: true, force: true });
  mkdirSync(boot);
  execFileSync('tar', ['-xzf', join(out, 'initfs.tgz'), '-C', boot]);
  const path = join(out, 'rootfs.sqsh');
  const root = { path, size: statSync(path).size, sha256: await sha256OfFile(path) };
  const seconds: number[] = [];
  for (let round = 0; round < boots; round += 1) {
    const server = await createDeviceServer({
      root,
      identityTar: await packIdentity(),
      hostname: identity.hostname,
    });
    const address = `drover.url=http://${hostAddress}:${server.port} drover.session=${server.session} drover.secret=${server.secret}`;
    const guest = startUserGuest({
      ...{ kernel: join(boot, 'kernel8.img'), initrd: join(boot, 'initrd.img'), memoryMiB: 1024 },
      append: `console=ttyAMA0 quiet panic=-1 drover.mode=ram ${address}`,
    });
    try {
      seconds.push((await server.report('up', 'ok', 600_000)).uptime);
    } finally {
      await guest.stop();
      await server.close();
    }
  }
  return seconds;
}
