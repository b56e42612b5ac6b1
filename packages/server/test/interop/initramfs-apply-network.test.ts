import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardShell, type BoardShell } from './initramfs-shell.js';

// What the image is told of the network that a card asks for.

let board: BoardShell;
beforeEach(async () => {
  board = await createBoardShell();
});
afterEach(() => board.dispose());

const read = (name: string): Promise<string> => readFile(join(board.root, name), 'utf8');
const isThere = (name: string): Promise<boolean> =>
  stat(join(board.root, name)).then(
    () => true,
    () => false,
  );

const state = {
  mode: 'ram',
  hostname: 'herd-7',
  interface: 'eth0',
  link: 'eth0',
  mac: 'dc:a6:32:01:36:c2',
  dns: '192.0.2.53',
};
const own = { address: '192.0.2.7/24', gateway: '192.0.2.254', dns: '192.0.2.53,198.51.100.53' };
const vlan = { interface: 'eth0.7', vlan: '7' };

const wifi = `country=DE
network={
	ssid="My Net"
	scan_ssid=1
	psk="se\\cret pass"
}
network={
  ssid=c3a9
  psk=cad14e7071d64ff7a4493fde0e7729f7971926d957025246a0f861e63e7235d7
}
network={
  ssid="open"
  key_mgmt=NONE
}
network={
  ssid="office"
  key_mgmt=WPA-EAP
}
`;

/** Runs `prepare` as the initramfs does, on a board with a radio. */
async function prepare(values: Readonly<Record<string, string>>, conf?: string): Promise<string> {
  const lines = Object.entries({ ...state, ...values }).map(([key, value]) => `${key}=${value}\n`);
  await writeFile(join(board.run, 'state'), lines.join(''));
  if (conf !== undefined) await writeFile(join(board.run, 'wpa_supplicant.conf'), conf);
  await mkdir(join(board.dir, 'sys/class/net/wlan0/phy80211'), { recursive: true });
  const done = await board.exec(join(board.device, 'lib/prepare'), ['/sbin/init'], {
    PREPARE_ROOT: board.root,
    PREPARE_RUN: board.run,
    PREPARE_LIB: join(board.device, 'lib'),
    PREPARE_SYS: join(board.dir, 'sys'),
  });
  expect(done).toMatchObject({ code: 0, stderr: '' });
  return (await readFile(join(board.run, 'prepared'), 'utf8')).trim();
}

const system = { 'sbin/init': '-> ../lib/systemd/systemd', 'lib/systemd/systemd': '' };
const wants = 'etc/systemd/system/multi-user.target.wants';
const isTaken = async (): Promise<boolean> => (await readdir(board.run)).includes('wifi-taken');

describe('systemd-networkd', () => {
  const image = { ...system, [`${wants}/systemd-networkd.service`]: '-> /lib/systemd/system/systemd-networkd.service' };
  const units = async (): Promise<string[]> =>
    (await readdir(join(board.root, 'etc/systemd/network')).catch(() => [])).sort();

  test('is told an address of the board’s own', async () => {
    await board.tree(image);
    expect(await prepare(own)).toContain('; network by systemd-networkd');
    expect(await units()).toEqual(['05-drover-wired.network']);
    expect(await read('etc/systemd/network/05-drover-wired.network')).toBe(
      '[Match]\nMACAddress=dc:a6:32:01:36:c2\n\n[Network]\nDHCP=no\nAddress=192.0.2.7/24\n' +
        'Gateway=192.0.2.254\nDNS=192.0.2.53\nDNS=198.51.100.53\n',
    );
  });

  test('makes the VLAN again, whose file comes before that of the interface below, which has the same address', async () => {
    await board.tree(image);
    await prepare(vlan);
    expect(await units()).toEqual(['04-drover-vlan.netdev', '04-drover-vlan.network', '05-drover-link.network']);
    expect(await read('etc/systemd/network/04-drover-vlan.netdev')).toBe(
      '[NetDev]\nName=eth0.7\nKind=vlan\n\n[VLAN]\nId=7\n',
    );
    expect(await read('etc/systemd/network/04-drover-vlan.network')).toContain('Name=eth0.7\n\n[Network]\nDHCP=yes\n');
    expect(await read('etc/systemd/network/05-drover-link.network')).toContain('VLAN=eth0.7\nDHCP=no\n');
  });

  test('has wpa_supplicant on the radios, and their addresses', async () => {
    await board.tree(image);
    await prepare({}, wifi);
    expect(await units()).toEqual(['06-drover-wifi.network']);
    expect(await read('etc/wpa_supplicant/wpa_supplicant-wlan0.conf')).toBe(wifi);
    expect((await stat(join(board.root, 'etc/wpa_supplicant/wpa_supplicant-wlan0.conf'))).mode & 0o777).toBe(0o600);
    expect(await readdir(join(board.root, wants))).toContain('wpa_supplicant@wlan0.service');
    expect(await isTaken()).toBe(true);
  });

  test('keeps what a root over the network lives on', async () => {
    await board.tree(image);
    await prepare({ ...own, mode: 'stream' }, wifi);
    expect(await units()).toEqual(['05-drover-wired.network', '05-drover-wired.network.d']);
    expect(await isTaken()).toBe(false);
  });
});

describe('NetworkManager', () => {
  const image = {
    ...system,
    [`${wants}/NetworkManager.service`]: '-> /lib/systemd/system/NetworkManager.service',
    'var/lib/NetworkManager/NetworkManager.state': '[main]\nNetworkingEnabled=true\nWirelessEnabled=false\n',
    'var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan': '1\n',
    'etc/network/interfaces': 'auto lo\n',
    'usr/sbin/ifup': '',
  };
  const folder = 'etc/NetworkManager/system-connections';

  test('is told the address in a profile that comes before others', async () => {
    await board.tree(image);
    expect(await prepare(own)).toContain('; network by NetworkManager');
    const profile = await read(`${folder}/drover-wired.nmconnection`);
    expect(profile).toContain('type=ethernet\nautoconnect=true\nautoconnect-priority=100\n');
    expect(profile).toContain('mac-address=dc:a6:32:01:36:c2\n');
    expect(profile).toContain('method=manual\naddress1=192.0.2.7/24,192.0.2.254\ndns=192.0.2.53;198.51.100.53;\n');
    expect((await stat(join(board.root, folder, 'drover-wired.nmconnection'))).mode & 0o777).toBe(0o600);
    expect(await read('etc/network/interfaces')).toBe('auto lo\n');
  });

  test('has the VLAN above a profile of the interface', async () => {
    await board.tree(image);
    await prepare(vlan);
    const uuid = /^uuid=(.*)$/m.exec(await read(`${folder}/drover-link.nmconnection`))?.[1];
    expect(uuid).toMatch(/^[0-9a-f-]{36}$/);
    const profile = await read(`${folder}/drover-wired.nmconnection`);
    expect(profile).toContain(`interface-name=eth0.7\n\n[vlan]\nid=7\nparent=${uuid}\n`);
    expect(profile).toContain('[ipv4]\nmethod=auto\n');
  });

  test('has a profile for each Wi-Fi network it can be told of, and its radios are on', async () => {
    await board.tree(image);
    await prepare({}, wifi);
    expect((await readdir(join(board.root, folder))).sort()).toEqual(
      [1, 2, 3].map((each) => `drover-wifi-${each}.nmconnection`),
    );
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map((each) => read(`${folder}/drover-wifi-${each}.nmconnection`)),
    );
    expect(first).toContain('ssid=77;121;32;78;101;116;\nhidden=true\n');
    expect(first).toContain('key-mgmt=wpa-psk\npsk=se\\\\cret pass\n');
    expect(second).toContain('ssid=195;169;\n');
    expect(second).toContain('psk=cad14e7071d64ff7a4493fde0e7729f7971926d957025246a0f861e63e7235d7\n');
    expect(third).not.toContain('wifi-security');
    expect(await read('var/lib/NetworkManager/NetworkManager.state')).toContain('WirelessEnabled=true\n');
    expect(await read('var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan')).toBe('0\n');
  });
});

describe('dhcpcd', () => {
  const image = {
    ...system,
    [`${wants}/dhcpcd.service`]: '-> /lib/systemd/system/dhcpcd.service',
    'etc/dhcpcd.conf': 'hostname\ninterface wlan0\nstatic ip_address=10.0.0.1/8\n',
  };

  test('is told the address, and asks nobody below a VLAN', async () => {
    await board.tree(image);
    await prepare({ ...own, ...vlan });
    expect(await read('etc/dhcpcd.conf')).toBe(
      'denyinterfaces eth0\nhostname\ninterface wlan0\nstatic ip_address=10.0.0.1/8\n\n# drover: as the card says.\n' +
        'interface eth0.7\nstatic ip_address=192.0.2.7/24\nstatic routers=192.0.2.254\n' +
        'static domain_name_servers=192.0.2.53 198.51.100.53\n',
    );
  });

  test('finds the Wi-Fi networks where it looks', async () => {
    await board.tree(image);
    await prepare({}, wifi);
    expect(await read('etc/wpa_supplicant/wpa_supplicant.conf')).toBe(wifi);
    expect(await read('etc/dhcpcd.conf')).toBe(image['etc/dhcpcd.conf']);
  });
});

describe('ifupdown', () => {
  const image = {
    ...system,
    'usr/sbin/ifup': '',
    'etc/network/interfaces':
      'auto lo eth0\niface lo inet loopback\niface eth0 inet dhcp\n  metric 5\nsource-directory interfaces.d\n',
    'etc/network/interfaces.d/more': 'allow-hotplug eth0\niface eth0 inet6 auto\n',
  };

  test('is told the address instead of what it had for that interface', async () => {
    await board.tree(image);
    await prepare(own);
    expect(await read('etc/network/interfaces')).toBe(
      'auto lo\niface lo inet loopback\nsource-directory interfaces.d\n\n# drover: as the card says.\nauto eth0\n' +
        'iface eth0 inet static\n  address 192.0.2.7/24\n  gateway 192.0.2.254\n' +
        '  dns-nameservers 192.0.2.53 198.51.100.53\n  pre-up ip -4 addr flush dev eth0 || true\n\n',
    );
    expect(await read('etc/network/interfaces.d/more')).toBe('');
  });

  test('has the VLAN, and a Wi-Fi network on each radio', async () => {
    await board.tree(image);
    await prepare(vlan, wifi);
    const text = await read('etc/network/interfaces');
    expect(text).toContain('auto eth0.7\niface eth0.7 inet dhcp\n  vlan-raw-device eth0\n');
    expect(text).toContain('auto wlan0\niface wlan0 inet dhcp\n  wpa-conf /etc/wpa_supplicant/wpa_supplicant.conf\n');
    expect(text).not.toMatch(/^iface eth0 /m);
  });
});

test('an image is left alone where the card asks for nothing', async () => {
  await board.tree({ ...system, [`${wants}/NetworkManager.service`]: '-> /x', 'usr/sbin/NetworkManager': '' });
  expect(await prepare({})).not.toContain('network by');
  expect(await isThere('etc/NetworkManager')).toBe(false);
});

test('an image without any of them keeps the radios that the runtime started', async () => {
  await board.tree(system);
  expect(await prepare(own, wifi)).toContain('nothing in the image that could be told of the network');
  expect(await isTaken()).toBe(false);
});
