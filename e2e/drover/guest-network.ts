import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHelperStore, createInitramfsComposer } from '@drover/initramfs';
import { createToolRunner } from '@drover/tools';
import { openDebianArm } from '../inputs/debianArm.js';
import { resolveKernel, unpackKernel } from '../inputs/kernel.js';
import { cacheDir } from '../inputs/cache.js';
import { run } from '../inputs/run.js';
import { loadOrder } from '../lab/testInitramfs.js';

/** Parts of an initramfs that stand behind a card's own. */
export interface GuestNetwork {
  /** Modules by file name; what they need comes along. */
  readonly modules: readonly string[];
  /** Arguments of modules, by file name. */
  readonly arguments?: Readonly<Record<string, string>>;
  /** Shell lines in a network namespace of their own, with the board's first interface in it as `lan`. */
  readonly inside: string;
  /** Shell lines in the board's, when that one is there; `$inside` is its process. */
  readonly outside: string;
  /** More files, by path. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The program of the kernel's command line that sets the network up, and then becomes the card's own init. */
export const guestNetworkInit = 'rdinit=/test/init';

const init = ({ inside, outside }: GuestNetwork, loads: readonly string[], lan: string): string => `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
${loads.join('\n')}
while ! grep -l ${lan} /sys/class/net/*/address >/dev/null; do sleep 0.1; done
cat >/test/inside <<'INSIDE'
mount -t sysfs sys /sys
until ip link show lan >/dev/null 2>&1; do sleep 0.1; done
ip link set lan up
${inside}
INSIDE
unshare -n -m sh /test/inside >/dev/console 2>&1 &
inside=$!
sleep 1
for card in /sys/class/net/*; do
  [ "$(cat $card/address)" != ${lan} ] || { ip link set \${card##*/} name lan; ip link set lan netns $inside; }
done
${outside}
umount /dev /sys /proc
exec /init
`;

/** Packs what a network inside the guest is made of, and programs of Debian with their libraries where the board looks for Wi-Fi. */
export async function packGuestNetwork(
  network: GuestNetwork,
  { dir, lan, programs = [] }: { readonly dir: string; readonly lan: string; readonly programs?: readonly string[] },
): Promise<{ readonly archive: string; readonly release: string }> {
  const debian = await openDebianArm('arm64');
  const resolved = await resolveKernel(debian, 'linux-image-arm64');
  const kernel = await unpackKernel(debian, resolved, path.join(dir, 'kernel'));
  const tree = path.join(dir, 'tree');
  await mkdir(path.join(tree, 'test/modules'), { recursive: true });
  const folder = path.join(kernel.base, 'lib/modules', kernel.release);
  const loads: string[] = [];
  for (const file of await loadOrder(folder, network.modules)) {
    const name = path.basename(file);
    await cp(path.join(folder, file), path.join(tree, 'test/modules', name));
    loads.push(`insmod /test/modules/${name} ${network.arguments?.[name.replace('.ko', '')] ?? ''}`.trim());
  }
  await writeFile(path.join(tree, 'test/init'), init(network, loads, lan));
  await chmod(path.join(tree, 'test/init'), 0o755);
  // The drivers are loaded already: none more.
  const drivers = path.join(tree, 'lib/wifi', kernel.release);
  await mkdir(drivers, { recursive: true });
  await writeFile(path.join(drivers, 'drover.order'), '');
  for (const [name, text] of Object.entries(network.files ?? {})) await writeFile(path.join(tree, name), text);
  if (programs.length > 0) {
    const unpacked = path.join(dir, 'programs');
    await debian.unpack(await debian.show(programs), unpacked);
    for (const name of await readdir(path.join(unpacked, 'usr/sbin')))
      await cp(path.join(unpacked, 'usr/sbin', name), path.join(tree, 'lib/wifi', name));
  }
  const archive = path.join(dir, 'network.cpio');
  const names = (await readdir(tree, { recursive: true })).sort();
  await run(['cpio', '--quiet', '-o', '-H', 'newc', '-F', archive], { cwd: tree, input: `${names.join('\n')}\n` });
  await run(['gzip', '-1', '-f', archive]);
  return { archive: `${archive}.gz`, release: kernel.release };
}

/** Programs for Wi-Fi as a card has them, as a part of an initramfs. */
export async function wifiPrograms(): Promise<Buffer> {
  const blobs = new Map<string, Buffer>();
  const put = async (source: AsyncIterable<Uint8Array>) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of source) pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    const digest = createHash('sha256').update(bytes).digest('hex');
    blobs.set(digest, bytes);
    return { digest, size: bytes.length };
  };
  const tools = createToolRunner();
  const helpers = createHelperStore({ tools, cacheDir: path.join(cacheDir, 'helpers'), now: Date.now });
  const deviceFolder = fileURLToPath(new URL('../../device', import.meta.url));
  const composer = createInitramfsComposer({ helpers, deviceFolder, put });
  const part = await composer.composeWifiPrograms('arm64', AbortSignal.timeout(300_000));
  return blobs.get(part.blob) ?? Buffer.alloc(0);
}

/** One initramfs of several, in order. */
export async function joinInitramfs(to: string, parts: readonly (string | Buffer)[]): Promise<string> {
  const bytes: Buffer[] = [];
  for (const part of parts) bytes.push(typeof part === 'string' ? await readFile(part) : part);
  // The kernel looks for the next one at a multiple of four.
  const padded = bytes.flatMap((each) => [each, Buffer.alloc((4 - (each.length % 4)) % 4)]);
  await writeFile(to, Buffer.concat(padded));
  return to;
}
