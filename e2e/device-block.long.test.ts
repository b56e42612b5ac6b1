import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { prepareBoots, upTimeoutMs, type Boot, type Boots } from './device/boot.js';
import { identity } from './device/image.js';
import { startNbdServer, type NbdServer } from './device/nbd-server.js';
import type { AttachedRoot } from './device/server.js';
import { ask } from './drover/shell.js';
import { inputs, type FastImage } from './inputs/index.js';
import { run } from './inputs/run.js';

// Roots on a network block device: a board's runtime against qemu-nbd and a server that is not ours.

let input: FastImage;
let boots: Boots;
let dir: string;
let nbd: NbdServer | undefined;

beforeAll(async () => {
  input = await inputs.fast();
  boots = await prepareBoots(input);
  dir = await mkdtemp(path.join(os.tmpdir(), 'drv-device-block-'));
});
afterEach(async () => {
  await boots?.end();
  await nbd?.stop();
});
afterAll(async () => {
  await boots?.dispose();
  await rm(dir, { recursive: true, force: true });
});

const boot = (attached: AttachedRoot, parameters = ''): Promise<Boot> => boots.boot({ attached }, { parameters });

const rootOn = (mode: AttachedRoot['mode'], of: NbdServer): AttachedRoot => ({
  ...{ mode, port: of.port, name: of.name, fs: 'ext4' },
  partition: boots.image.facts.rootPartition ?? 0,
});

async function overlayOver(base: string): Promise<string> {
  const file = path.join(dir, `${Math.random().toString(36).slice(2)}.qcow2`);
  await run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', base, '-F', 'raw', file]);
  return file;
}

const digest = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

test('mode nbd: a root of its own keeps what was written, and outlives a server that is away', async () => {
  nbd = await startNbdServer({ file: await overlayOver(input.path), format: 'qcow2' });
  const first = await boot(rootOn('nbd', nbd));
  const attached = await first.server.report('attach', 'ok', upTimeoutMs);
  expect(attached.message).toMatch(/^\d+ MB rw as \/dev\/nbd0p2$/);
  await first.server.report('up', 'ok', upTimeoutMs);
  expect(await ask(first.guest, 'stat -f -c %T /; hostname; cat /etc/machine-id')).toBe(
    `ext2/ext3 ${identity.hostname} ${identity.machineId}`,
  );
  await ask(first.guest, 'echo kept >/root-was-here; sync');

  // Writes go on all the while; none of them may fail.
  first.guest.send(
    'i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo $i >>/numbers && sync -d /numbers && sleep 0.1 || { echo FAILED $i; break; }; done; echo "WROTE $(wc -l </numbers)"\n',
  );
  await sleep(2000);
  await nbd.kill();
  await sleep(15_000);
  await nbd.start();
  const wrote = await first.guest.console.expect(/\nWROTE (\d+)\r?\n|\nFAILED \d+/, 180_000);
  expect(wrote[1]).toBe('400');
  first.guest.send('reboot\n');
  expect(await first.guest.ended).toBe(0);

  const second = await boot(rootOn('nbd', nbd));
  await second.server.report('up', 'ok', upTimeoutMs);
  expect(await ask(second.guest, 'cat /root-was-here; tail -n 1 /numbers; grep -c lib/up /etc/inittab')).toBe(
    'kept 400 1',
  );
});

test('mode stream: many read the one root, nobody writes it', async () => {
  const copy = path.join(dir, 'stream.img');
  await copyFile(input.path, copy);
  const before = await digest(copy);
  nbd = await startNbdServer({ file: copy, format: 'raw', readOnly: true });
  const { server: of, guest: board } = await boot(rootOn('stream', nbd));
  const attached = await of.report('attach', 'ok', upTimeoutMs);
  expect(attached.message).toMatch(/ ro as \/dev\/nbd0p2$/);
  await of.report('up', 'ok', upTimeoutMs);
  expect(await ask(board, 'echo x >/etc/written && cat /etc/written; grep -c "^[^ ]* / overlay " /proc/mounts')).toBe(
    'x 1',
  );
  expect(await digest(copy)).toBe(before);
});

test('a disk that the server refuses ends the boot with the reason', async () => {
  nbd = await startNbdServer({ file: await overlayOver(input.path), format: 'qcow2' });
  const { server: of } = await boot({ ...rootOn('nbd', nbd), name: 'no-such-disk' });
  const failed = await of.report('attach', 'failed', upTimeoutMs);
  expect(failed.message).toMatch(/^the root's disk cannot be attached: refused: .*no-such-disk/);
});

test('a port nobody answers at is tried until patience ends, and named', async () => {
  nbd = await startNbdServer({ file: await overlayOver(input.path), format: 'qcow2' });
  const attached = rootOn('nbd', nbd);
  await nbd.stop();
  const { server: of } = await boot(attached, 'drover.patience=5');
  const failed = await of.report('attach', 'failed', upTimeoutMs);
  expect(failed.message).toMatch(
    /cannot be attached: cannot connect: Connection refused. Is port \d+ of the server reachable/,
  );
});
