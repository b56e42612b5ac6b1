import path from 'node:path';
import { mkdtemp } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { plugIn, provisionFast, writeCard } from './drover/card.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import { guestNetworkInit, joinInitramfs, packGuestNetwork, wifiPrograms } from './drover/guest-network.js';
import type { Guest } from './lab/index.js';

// Two radios in one guest: an access point that bridges to the lab, in a namespace of its own, and the board's.

const lan = '52:54:00:3a:f1:01';
/** mac80211_hwsim's second radio. */
const radio = '02:00:00:00:01:00';
const accessPoint = `interface=wlan0
driver=nl80211
bridge=br0
ssid=Lab Net
hw_mode=g
channel=6
wpa=2
wpa_key_mgmt=WPA-PSK
rsn_pairwise=CCMP
wpa_passphrase=the right one
`;
const program = (name: string): string =>
  `/lib/drover/perl/ld.so --library-path /lib/wifi:/lib/drover/perl /lib/wifi/${name}`;
const network = {
  modules: ['virtio_mmio', 'virtio_net', 'bridge', 'ctr', 'ccm', 'cmac', 'mac80211_hwsim'],
  arguments: { mac80211_hwsim: 'radios=2' },
  inside: `brctl addbr br0 && brctl addif br0 lan && ip link set br0 up
until ip link show wlan0 >/dev/null 2>&1; do sleep 0.1; done
exec ${program('hostapd')} /test/hostapd.conf`,
  outside: `${program('iw')} phy phy0 set netns $inside`,
  files: { 'test/hostapd.conf': accessPoint },
};

let fast: FastLab;
let archive: string;
let programs: Buffer;
const running: Guest[] = [];

beforeAll(async () => {
  fast = await startFastLab('card-wifi');
  const dir = await mkdtemp(path.join(fast.lab.dir, 'network-'));
  ({ archive } = await packGuestNetwork(network, { dir, lan, programs: ['hostapd'] }));
  programs = await wifiPrograms();
});
afterEach(async () => {
  for (const guest of running.splice(0)) await guest.kill();
});
afterAll(() => fast?.stop());

/** A board with nothing but its radio, and a card that knows this password. */
async function plugInRadio(password: string): Promise<Guest> {
  const text = `country=DE\nnetwork={\n\tssid="Lab Net"\n\tpsk="${password}"\n}\n`;
  const card = await writeCard(fast, { files: { 'drover/wpa_supplicant.conf': text } });
  const initrd = await joinInitramfs(path.join(card.folder, 'joined.img'), [
    path.join(card.folder, 'drover.img'),
    programs,
    archive,
  ]);
  const guest = await plugIn(fast, card, { mac: lan, initrd, append: guestNetworkInit });
  running.push(guest);
  return guest;
}

test('a board without a cable comes up through the Wi-Fi of its card', async () => {
  await provisionFast(fast, 'wireless', radio);
  const guest = await plugInRadio('the right one');
  const device = await fast.drover.untilUp('wireless').catch((fault: Error) => {
    throw new Error(`${fault.message}\n${guest.console.text().slice(-6000)}`);
  });
  const items = await fast.drover.timelineOf(device.lastSession);
  const reports = items.flatMap(({ entry }) => (entry.type === 'report' ? [entry] : []));
  expect(reports.find(({ step, state }) => step === 'network' && state === 'ok')?.message).toMatch(
    new RegExp(`^${fast.lab.net.prefix.replaceAll('.', String.raw`\.`)}\\.\\d+ on wlan1 \\(${radio}\\)$`),
  );
  expect((await fast.lab.router?.leases())?.map(({ mac }) => mac)).toEqual([radio]);
});

test('a wrong password is said in words', async () => {
  const guest = await plugInRadio('the wrong one');
  await guest.console.expect('drover: the password of the Wi-Fi network "Lab Net" is wrong', 300_000);
});
