import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardShell, type BoardShell } from './initramfs-shell.js';

let board: BoardShell;
beforeEach(async () => {
  board = await createBoardShell();
});
afterEach(() => board.dispose());

const neighbours = `IP address       HW type     Flags       HW address            Mask     Device
192.0.2.1        0x1         0x2         dc:a6:32:00:00:01     *        eth0
192.0.2.254      0x1         0x2         dc:a6:32:00:00:fe     *        eth0
198.51.100.1     0x1         0x0         00:00:00:00:00:00     *        eth0
`;

/** What the runtime does to have the kernel log, on a board that stands in the network. */
async function log(cmdline: string, { route = '', server = '192.0.2.1', before = '' } = {}): Promise<string> {
  await writeFile(join(board.run, 'cmdline'), `${cmdline}\n`);
  await writeFile(join(board.dir, 'arp'), neighbours);
  const fakes = `cmdline_file=$run/cmdline; log_arp=${join(board.dir, 'arp')}; http_address=${server}; http_limit=30
    interface=eth0; address=192.0.2.7; http() { :; }; report() { echo "report $*"; }
    ip() { echo '${route}'; }; log_module() { echo /m/netconsole.ko; }; insmod() { echo "insmod $*" >&2; return 0; }; ${before}
    `;
  const { stdout, stderr } = await board.sh(`${fakes}log_said=''; log_to_server; echo "$log_said"`, ['base', 'log']);
  expect(stderr).toBe('');
  return stdout.trim();
}

describe('a kernel that is told to log', () => {
  test('sends to the server, in frames for it alone', async () => {
    expect(await log('drover.log-port=6666')).toBe(
      'insmod /m/netconsole.ko netconsole=+@192.0.2.7/eth0,6666@192.0.2.1/dc:a6:32:00:00:01',
    );
  });

  test('sends by the router where the server is behind one', async () => {
    const route = '203.0.113.1 via 192.0.2.254 dev eth0  src 192.0.2.7';
    expect(await log('drover.log-port=6666', { route, server: '203.0.113.1' })).toMatch(
      /6666@203\.0\.113\.1\/dc:a6:32:00:00:fe$/,
    );
  });

  test('is one that the server asked to', async () => {
    expect(await log('quiet')).toBe('');
    for (const odd of ['', '0', '65536', '66a', '6666;reboot']) expect(await log(`drover.log-port=${odd}`)).toBe('');
  });

  test('says why it cannot, and the boot goes on', async () => {
    expect(await log('drover.log-port=6666', { before: 'log_module() { :; }' })).toMatch(/no module netconsole/);
    expect(await log('drover.log-port=6666', { server: '198.51.100.1' })).toMatch(/no hardware address/);
    const refused = 'insmod() { echo "insmod: can\'t insert: No such device" >&2; return 1; }';
    expect(await log('drover.log-port=6666', { before: refused })).toMatch(
      /does not log to the server: No such device/,
    );
  });
});
