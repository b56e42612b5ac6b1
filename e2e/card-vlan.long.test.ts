import path from 'node:path';
import { mkdtemp } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { plugIn, provisionFast, writeCard } from './drover/card.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import { guestNetworkInit, joinInitramfs, packGuestNetwork } from './drover/guest-network.js';
import type { Guest } from './lab/index.js';

// The kernels that labs run on may have no VLANs: a switch in the guest, in a namespace of its own, has the board's cable in one port and the lab in the other.

const lan = '52:54:00:3a:f2:01';
const port = '52:54:00:3a:f2:02';
const board = '52:54:00:3a:f2:03';
const network = {
  modules: ['virtio_mmio', 'virtio_net', 'bridge', '8021q'],
  inside: `until ip link show port >/dev/null 2>&1; do sleep 0.1; done
ip link set port up
ip link add link port name port.7 type vlan id 7
brctl addbr br0 && brctl addif br0 lan && brctl addif br0 port.7
ip link set port.7 up
ip link set br0 up
exec sleep 100000`,
  outside: `for card in /sys/class/net/*; do
  [ "$(cat $card/address)" != ${port} ] || { ip link set \${card##*/} name port; ip link set port netns $inside; }
done`,
};

/** A cable between two cards of the guest. */
const cable = [
  ...['-netdev', 'hubport,id=n1,hubid=1', '-device', `virtio-net-device,netdev=n1,mac=${port}`],
  ...['-netdev', 'hubport,id=n2,hubid=1', '-device', `virtio-net-device,netdev=n2,mac=${board}`],
];

let fast: FastLab;
let archive: string;
const running: Guest[] = [];

beforeAll(async () => {
  fast = await startFastLab('card-vlan');
  const dir = await mkdtemp(path.join(fast.lab.dir, 'network-'));
  ({ archive } = await packGuestNetwork(network, { dir, lan }));
});
afterEach(async () => {
  for (const guest of running.splice(0)) await guest.kill();
});
afterAll(() => fast?.stop());

async function plugInBoard(settings: string, append = ''): Promise<Guest> {
  const card = await writeCard(fast, { settings });
  const initrd = await joinInitramfs(path.join(card.folder, 'joined.img'), [
    path.join(card.folder, 'drover.img'),
    archive,
  ]);
  const guest = await plugIn(fast, card, {
    ...{ mac: lan, initrd, append: `${guestNetworkInit} ${append}`, qemuArgs: cable },
  });
  running.push(guest);
  return guest;
}

/** What the board said of its network in its last boot. */
async function networkOf(name: string, guest: Guest): Promise<string | undefined> {
  const device = await fast.drover.untilUp(name).catch((fault: Error) => {
    throw new Error(`${fault.message}\n${guest.console.text().slice(-6000)}`);
  });
  const items = await fast.drover.timelineOf(device.lastSession);
  const reports = items.flatMap(({ entry }) => (entry.type === 'report' ? [entry] : []));
  return reports.find(({ step, state }) => step === 'network' && state === 'ok')?.message ?? undefined;
}

test('a board comes up in a VLAN with an address of its own, and asks no DHCP server', async () => {
  const { prefix, router } = fast.lab.net;
  await provisionFast(fast, 'static', board);
  const guest = await plugInBoard(`address=${prefix}.77/24\ngateway=${router}\nvlan=7\n`);
  expect(await networkOf('static', guest)).toMatch(
    new RegExp(String.raw`^${prefix.replaceAll('.', '\\.')}\.77 on eth\d\.7 \(${board}\)$`),
  );
  expect(await fast.lab.router?.leases()).toEqual([]);
});

test('a VLAN that is not there is diagnosed', async () => {
  const guest = await plugInBoard('vlan=8\n', 'drover.patience=20');
  await guest.console.expect(/failed at network: no answer from a DHCP server on eth\d\.8 \(waited 20 s\)/, 300_000);
});
