import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardShell, type BoardShell } from './initramfs-shell.js';

let board: BoardShell;
beforeEach(async () => {
  board = await createBoardShell();
});
afterEach(() => board.dispose());

const parts = ['base', 'report', 'records', 'net', 'wifi'];

/** What is not looked at here, and what would touch the machine. */
const fakes = `cmdline_file=$run/cmdline; patience=120; http_address=192.0.2.1; say() { :; }; report() { echo "report $*"; }
  fail() { echo "failed: $1"; exit 0; }; missed() { echo "missed: $1"; return 1; }
`;

interface Interface {
  readonly name: string;
  readonly link?: boolean;
  readonly radio?: boolean;
}

/** The board's interfaces as the kernel shows them. */
async function plugIn(...interfaces: readonly Interface[]): Promise<void> {
  for (const { name, link = true, radio = false } of interfaces) {
    const folder = join(board.dir, 'sys/class/net', name);
    await mkdir(join(folder, 'device'), { recursive: true });
    if (radio) await mkdir(join(folder, 'phy80211/rfkill0'), { recursive: true });
    if (radio) await writeFile(join(folder, 'phy80211/rfkill0/soft'), '1\n');
    if (radio) await chmod(join(folder, 'phy80211/rfkill0/soft'), 0o666);
    const files = {
      type: '1',
      carrier: link ? '1' : '0',
      operstate: link ? 'up' : 'dormant',
      address: 'dc:a6:32:01:36:c2',
    };
    for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), `${text}\n`);
  }
}

const run = async (script: string, cmdline = 'quiet') => {
  await writeFile(join(board.run, 'cmdline'), `${cmdline}\n`);
  return (await board.sh(`${fakes}${script}`, parts)).stdout;
};

describe('an address of the board’s own', () => {
  const show = 'net_settings; echo "$net_address $net_gateway $net_dns $net_vlan"';

  test('is told by the card, and before it by nobody', async () => {
    expect(await run(`card_address=192.0.2.7/24 card_vlan=7; ${show}`, 'drover.address=10.0.0.1/8 drover.vlan=8')).toBe(
      '192.0.2.7/24   7\n',
    );
  });

  test('is told by the command line where there is no card', async () => {
    const cmdline = 'drover.address=192.0.2.7/24 drover.gateway=192.0.2.254 drover.dns=192.0.2.53,198.51.100.53';
    expect(await run(show, cmdline)).toBe('192.0.2.7/24 192.0.2.254 192.0.2.53,198.51.100.53 \n');
    expect(await run(show)).toBe('   \n');
  });

  test.each([
    ['drover.vlan=0', 'vlan must be a number'],
    ['drover.vlan=4095', 'vlan must be a number'],
    ['drover.vlan=7a', 'vlan must be a number'],
    ['drover.address=192.0.2.7', 'address must be like'],
    ['drover.address=192.0.2/24', 'address must be like'],
    ['drover.address=192.0.2.256/24', 'address must be like'],
    ['drover.address=192.0.2.7.9/24', 'address must be like'],
    ['drover.address=192.0.2.7/31', 'address must be like'],
    ['drover.address=192.0.2.7/24 drover.gateway=router', 'gateway and dns must be addresses'],
    ['drover.address=192.0.2.7/24 drover.dns=192.0.2.1,,x', 'gateway and dns must be addresses'],
    ['drover.address=192.0.2.7/24 drover.gateway=192.0.3.1', '192.0.3.1 is not in the network of 192.0.2.7/24'],
    ['drover.address=198.51.100.7/24', '192.0.2.1 is not in the network of 198.51.100.7/24'],
  ])('is refused for %s, with what to do', async (cmdline, why) => {
    expect(await run(show, cmdline)).toMatch(new RegExp(`^failed: ${why}`));
  });

  test('counts once somebody answers there, and is written down as a lease is', async () => {
    const script = `ip() { echo "ip $*" >&3; }; sleep() { :; }
      arping() { echo "arping $*" >&3; tries=$((\${tries:-0} + 1)); [ "$tries" -gt 1 ]; }
      card_address=192.0.2.7/24 card_gateway=192.0.2.254 card_dns=192.0.2.53; net_settings
      static_client eth0 3>"$run/calls"; cat "$run/calls" "$run/lease.eth0"`;
    expect((await run(script)).split('\n')).toEqual([
      'ip -4 addr flush dev eth0',
      'ip addr add 192.0.2.7/24 broadcast + dev eth0',
      'arping -q -f -c 2 -w 2 -I eth0 192.0.2.254',
      'arping -q -f -c 2 -w 2 -I eth0 192.0.2.254',
      'ip route replace default via 192.0.2.254 dev eth0',
      ...['address=192.0.2.7', 'prefix=24', 'router=192.0.2.254', 'server=', 'lease=', 'dns=192.0.2.53', ''],
    ]);
  });
});

describe('a VLAN', () => {
  test('lies on each wired interface with a link, and on no radio', async () => {
    await plugIn({ name: 'eth0' }, { name: 'eth1', link: false }, { name: 'wlan0', radio: true });
    const script = `ip() { echo "ip $*"; }; dhcp_client() { echo "asks on $1"; }; wifi_started=wlan0:1
      net_asked='' net_clients='' card_vlan=7; net_settings; net_start_clients; wait; echo "asked:$net_asked"`;
    const said = await run(script);
    expect(said).toContain('ip link add link eth0 name eth0.7 type vlan id 7\n');
    expect(said).not.toContain('link eth1 name');
    expect(said).toContain('asks on eth0.7\n');
    expect(said).toMatch(/asked: eth0\.7 wlan0$/m);
  });

  test('that the kernel has not is said', async () => {
    await plugIn({ name: 'eth0' });
    const script = `ip() { case $* in *vlan*) echo 'ip: RTNETLINK answers: Not supported' >&2; return 1 ;; esac; }
      net_asked='' net_clients='' card_vlan=7; net_settings; net_start_clients; net_diagnosis`;
    expect(await run(script)).toMatch(/^no VLAN 7 on eth0: ip: RTNETLINK .* needs the module 8021q$/m);
  });
});

describe('of several interfaces', () => {
  const leases = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) await writeFile(join(board.run, `lease.${name}`), 'address=192.0.2.7\n');
  };
  const choose = (at: number, since = "''") =>
    run(
      `uptime_now() { now_seconds=${at}; }; net_radio_at=${since}; if net_choose; then echo "$interface"; else echo none; fi`,
    );

  test('a wired one is taken before a radio, also when it comes some seconds later', async () => {
    await plugIn({ name: 'eth0' }, { name: 'wlan0', radio: true });
    expect(await choose(10)).toBe('none\n');
    await leases('wlan0');
    expect(await choose(10)).toBe('none\n');
    expect(await choose(14, '10')).toBe('none\n');
    expect(await choose(15, '10')).toBe('wlan0\n');
    await leases('eth0');
    expect(await choose(10)).toBe('eth0\n');
  });

  test('a radio is taken at once where no wired one has a link', async () => {
    await plugIn({ name: 'eth0', link: false }, { name: 'wlan0', radio: true });
    await leases('wlan0');
    expect(await choose(10)).toBe('wlan0\n');
  });
});

describe('Wi-Fi', () => {
  const network = 'country=DE\nnetwork={\n\tssid="My Net"\n\tpsk="secret pass"\n}\n';
  const onCard = (files: Readonly<Record<string, string>>) =>
    board.tree(Object.fromEntries(Object.entries(files).map(([name, text]) => [name, text])));
  const copied = async (): Promise<string> =>
    (
      await board.sh('copy_wifi "$root"; cat "$run/wpa_supplicant.conf"; stat -c %a "$run/wpa_supplicant.conf"', [
        'base',
        'card',
      ])
    ).stdout;

  test.each([
    ['our folder', { 'drover/wpa_supplicant.conf': 'new', 'cattlepi/wpa_supplicant.conf': 'old' }, 'new600\n'],
    ['that of older cards', { 'cattlepi/wpa_supplicant.conf': 'old' }, 'old600\n'],
    [
      'what was written when the power went',
      { 'drover/wpa_supplicant.new': 'new', 'drover/wpa_supplicant.previous': 'old' },
      'new600\n',
    ],
    ['what was there before', { 'drover/wpa_supplicant.previous': 'old' }, 'old600\n'],
    ['no half of a first one', { 'drover/wpa_supplicant.new': 'ne' }, ''],
  ])('is read from %s', async (_what, files, expected) => {
    await onCard(files);
    expect(await copied()).toBe(expected);
  });

  test('is tried without what needs a system around it', async () => {
    const text = `\ufeffctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\r\nupdate_config=1\r\n${network}`;
    await writeFile(join(board.run, 'wpa_supplicant.conf'), text);
    expect(await run('wifi_settings; cat "$run/wpa.conf"; stat -c %a "$run/wpa.conf"; wifi_networks')).toBe(
      `${network}600\n"My Net"`,
    );
  });

  test('starts on each radio once, awake and not blocked', async () => {
    await plugIn({ name: 'eth0' }, { name: 'wlan0', radio: true });
    await writeFile(join(board.run, 'wpa_supplicant.conf'), network);
    const script = `wifi_supplicant() { echo "supplicant $*"; }; wifi_program() { echo "$*" >>"$run/programs"; }
      wifi_why='' wifi_started='' wifi_said=''; wifi_settings; wifi_start; wait; wifi_start
      wifi_interfaces; cat "$run/programs" "$sys/class/net/wlan0/phy80211/rfkill0/soft"`;
    expect(await run(script)).toBe('supplicant wlan0\nwlan0\niw dev wlan0 set power_save off\n0\n');
  });

  test.each([
    [
      'a wrong password',
      'wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="My Net" reason=WRONG_KEY',
      'the password of the Wi-Fi network "My Net" is wrong',
    ],
    [
      'a network that is not there',
      'Successfully initialized wpa_supplicant',
      'the Wi-Fi network "My Net" is not in reach: check its name and the country',
    ],
    [
      'one that refuses',
      'wlan0: CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:01:00 status_code=17',
      'the Wi-Fi network "My Net" refuses this board: CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:01:00 status_code=17',
    ],
    [
      'a file that is none',
      "Line 3: invalid network block field 'foo'.",
      "wpa_supplicant.conf on the card cannot be read: Line 3: invalid network block field 'foo'.",
    ],
    ['nothing, when it is in', 'wlan0: CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:01:00', ''],
  ])('is diagnosed: %s', async (_what, line, said) => {
    await writeFile(join(board.run, 'wpa_supplicant.conf'), network);
    await writeFile(join(board.run, 'wpa.wlan0.log'), `${line}\n`);
    expect((await run("wifi_why='' wifi_started=wlan0:1; wifi_settings; wifi_diagnosis")).trim()).toBe(said);
  });

  test('without a radio, or programs, is diagnosed', async () => {
    await writeFile(join(board.run, 'wpa_supplicant.conf'), network);
    expect(await run("wifi_why='' wifi_started=''; wifi_diagnosis")).toMatch(/^no radio: the image has no driver/);
    expect(await run('wifi_home=/nowhere; wifi_begin; wifi_diagnosis')).toBe(
      'report network info Wi-Fi is not used: the initramfs has no programs for it\n' +
        'no Wi-Fi: the initramfs has no programs for it\n',
    );
  });
});

describe('a network of the boot config', () => {
  /** A card that keeps things, with the root of the test in place of its FAT partition. */
  const card = `card_data=$run/data; mkdir -p "$run/data" "$root/drover"; ln -sf "$root" "$run/card"
    has_digest() { sum=$(sha256sum <"$2"); [ "$1" = "\${sum%% *}" ]; }; sync() { :; }
    card_open() { :; }; card_close() { :; }; records_open
  `;
  const boardSays = (script: string) => run(`${card}${script}`);
  const read = (name: string): Promise<string> =>
    readFile(join(board.root, 'drover', name), 'utf8').catch(() => 'absent');
  const take = async (text: string): Promise<string> => {
    await mkdir(join(board.run, 'config'), { recursive: true });
    await writeFile(join(board.run, 'config/wpa_supplicant.conf'), text);
    return boardSays(
      'copy=$root/drover/wpa_supplicant.conf; [ ! -f "$copy" ] || cp "$copy" "$run/wpa_supplicant.conf"; wifi_take',
    );
  };
  /** A start in which nobody is reached, or somebody by radio or cable. */
  const start = (how: 'fails' | 'radio' | 'cable') =>
    boardSays(`wifi_why='' wifi_started=''; wifi_awake() { :; }; cp "$root/drover/wpa_supplicant.conf" "$run/"; wifi_count
      is_radio() { [ "$1" = wlan0 ]; }; interface=${how === 'radio' ? 'wlan0' : 'eth0'}
      ${how === 'fails' ? ':' : 'wifi_finish'}; cat "$run/wpa_supplicant.conf"`);

  test('goes onto the card, and the one before stays beside it', async () => {
    await board.tree({ 'drover/wpa_supplicant.conf': 'old\n' });
    expect(await take('new\n')).toContain('is on the card');
    expect([await read('wpa_supplicant.conf'), await read('wpa_supplicant.previous')]).toEqual(['new\n', 'old\n']);
    expect(await read('wpa_supplicant.new')).toBe('absent');
    expect(await take('new\n')).toBe('');
  });

  test('is given up after three starts without a network, and not taken again', async () => {
    await board.tree({ 'drover/wpa_supplicant.conf': 'old\n' });
    await take('new\n');
    for (const _ of [1, 2, 3]) expect(await start('fails')).toBe('new\n');
    expect(await start('fails')).toMatch(
      /^report network info the new Wi-Fi network brought nobody through[^]*\nold\n$/,
    );
    expect(await read('wpa_supplicant.conf')).toBe('old\n');
    expect(await take('new\n')).toBe('');
    expect(await take('newer\n')).toContain('is on the card');
  });

  test('stays once it brought the board through, and a start by cable does not count', async () => {
    await board.tree({ 'drover/wpa_supplicant.conf': 'old\n' });
    await take('new\n');
    for (const _ of [1, 2, 3, 4]) expect(await start('cable')).toBe('new\n');
    expect(await start('radio')).toBe('new\n');
    for (const _ of [1, 2, 3, 4]) expect(await start('fails')).toBe('new\n');
  });
});
