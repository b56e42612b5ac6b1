import { chmod, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../inputs/run.js';

/**
 * Packs a small initramfs by hand, from the fast image's own busybox and modules: loads `modules` in dependency order, then runs
 * `script`. For tests of the lab and of firmware, where Drover has no part yet.
 * Returns the path of the archive (gzip), inside `dir`.
 */
export async function packTestInitramfs(options: {
  readonly dir: string;
  /** Root folder of the fast image. */
  readonly rootDir: string;
  readonly kernelRelease: string;
  /** Names; what they need comes along. */
  readonly modules: readonly string[];
  /** Shell lines; `/bin` has busybox. */
  readonly script: string;
}): Promise<string> {
  const tree = path.join(options.dir, 'initramfs');
  const modulesDir = path.join(options.rootDir, 'usr/lib/modules', options.kernelRelease);
  await mkdir(path.join(tree, 'bin'), { recursive: true });
  for (const name of ['dev', 'mnt', 'modules', 'proc', 'sys', 'tmp'])
    await mkdir(path.join(tree, name), { recursive: true });
  await cp(path.join(options.rootDir, 'usr/bin/busybox'), path.join(tree, 'bin/busybox'));
  const order = await loadOrder(modulesDir, options.modules);
  for (const file of order) await cp(path.join(modulesDir, file), path.join(tree, 'modules', path.basename(file)));
  const init = [
    '#!/bin/busybox sh',
    '/bin/busybox --install -s /bin',
    'mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev',
    ...order.map((file) => `insmod /modules/${path.basename(file)}`),
    options.script,
  ];
  await writeFile(path.join(tree, 'init'), init.join('\n') + '\n');
  await chmod(path.join(tree, 'init'), 0o755);
  const names = (await readdir(tree, { recursive: true })).sort();
  const archive = path.join(options.dir, 'initramfs.cpio');
  await run(['cpio', '--quiet', '-o', '-H', 'newc', '-F', archive], { cwd: tree, input: names.join('\n') + '\n' });
  await run(['gzip', '-1', '-f', archive]);
  return `${archive}.gz`;
}

/** Files below the modules folder, each after what it needs, as modules.dep lists them (nearest need first). */
export async function loadOrder(modulesDir: string, names: readonly string[]): Promise<string[]> {
  const lines = (await readFile(path.join(modulesDir, 'modules.dep'), 'utf8')).split('\n');
  const order: string[] = [];
  for (const name of names) {
    const line = lines.find((candidate) => candidate.split(':')[0]?.endsWith(`/${name}.ko`));
    if (line === undefined) throw new Error(`no module ${name} in ${modulesDir}`);
    const [file = '', needs = ''] = line.split(':');
    for (const needed of [...needs.trim().split(' ').reverse(), file]) {
      if (needed !== '' && !order.includes(needed)) order.push(needed);
    }
  }
  return order;
}
