import { describe, expect, it } from 'vitest';
import { lintImage } from './lint.js';
import type { LintTree } from './tree.js';

interface Content {
  readonly root?: Readonly<Record<string, string | Uint8Array>>;
  readonly boot?: Readonly<Record<string, string | Uint8Array | number>>;
  readonly kernels?: LintTree['kernels'];
}

const bytesOf = (content: string | Uint8Array): Uint8Array =>
  typeof content === 'string' ? Buffer.from(content, 'utf8') : content;

/** An image of a few files. A number is the size of a file whose bytes nobody reads. */
const treeOf = ({ root = {}, boot = {}, kernels = [] }: Content): LintTree => ({
  files: async function* (folder) {
    await Promise.resolve();
    for (const [path, content] of Object.entries(root))
      if (path.startsWith(`${folder}/`)) yield { path, size: bytesOf(content).length };
  },
  head: async (path, length) => (root[path] === undefined ? undefined : bytesOf(root[path]).subarray(0, length)),
  hasFolder: async (path) => Object.keys(root).some((each) => each.startsWith(`${path}/`)),
  boot: Object.entries(boot).map(([path, content]) => ({
    path,
    size: typeof content === 'number' ? content : bytesOf(content).length,
  })),
  bootHead: async (path, length) => {
    const content = boot[path];
    return content === undefined || typeof content === 'number' ? undefined : bytesOf(content).subarray(0, length);
  },
  kernels,
});

const lint = async (content: Content, allowed: string[] = []): Promise<string[]> =>
  (await lintImage(treeOf(content), allowed)).map(({ check, place, message }) => `${check}: ${place} ${message}`);

const droverKey = `drv_${'a'.repeat(43)}`;
const wpa = 'network={\n  ssid="home"\n  psk="correct horse"\n}\n';

describe('an image as it should be', () => {
  it('has nothing against it', async () => {
    const clean = {
      root: {
        'etc/machine-id': 'uninitialized\n',
        'etc/ssh/sshd_config': 'HostKey /etc/ssh/ssh_host_ed25519_key\n',
        'etc/wpa_supplicant/wpa_supplicant.conf': 'ctrl_interface=DIR=/run/wpa_supplicant\n',
        'home/pi/.ssh/authorized_keys': 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDoiYW0= ada\n',
        'usr/share/doc/openssl/examples/key.pem': '-----BEGIN PRIVATE KEY-----\n',
        'lib/modules/6.1.0-56-arm64/modules.dep': '',
        'etc/alternatives.bin': new Uint8Array([0, 1, 2]),
      },
      boot: { 'config.txt': '# Pi 4\r\narm_64bit=1\n', 'cmdline.txt': 'quiet\n', 'kernel8.img': 32_000_000 },
      kernels: [{ file: 'kernel8.img', release: '6.1.0-56-arm64' }],
    };
    expect(await lint(clean)).toEqual([]);
  });
});

describe('a build fails for', () => {
  it.each<[what: string, content: Content, found: string[]]>([
    [
      'SSH host keys',
      { root: { 'etc/ssh/ssh_host_rsa_key': 'x', 'etc/ssh/ssh_host_rsa_key.pub': 'y' } },
      ['host-keys: /etc/ssh/ssh_host_rsa_key is an SSH host key'],
    ],
    [
      'a machine-id',
      { root: { 'etc/machine-id': `${'0123456789abcdef'.repeat(2)}\n` } },
      [`machine-id: /etc/machine-id is ${'0123456789abcdef'.repeat(2)}`],
    ],
    [
      'the password of a Wi-Fi',
      { root: { 'etc/wpa_supplicant/wpa_supplicant-wlan0.conf': wpa } },
      ['wifi-secret: /etc/wpa_supplicant/wpa_supplicant-wlan0.conf holds the password of a wireless network'],
    ],
    [
      'one of NetworkManager',
      { root: { 'etc/NetworkManager/system-connections/home.nmconnection': '[wifi-security]\npsk=correct horse\n' } },
      [
        'wifi-secret: /etc/NetworkManager/system-connections/home.nmconnection holds the password of a wireless network',
      ],
    ],
    [
      'one in the boot partition',
      { boot: { 'wpa_supplicant.conf': wpa } },
      ['wifi-secret: boot: wpa_supplicant.conf holds the password of a wireless network'],
    ],
    [
      'a key of Drover',
      { root: { 'etc/drover/key': `${droverKey}\n` } },
      ['api-key: /etc/drover/key holds a key of Drover'],
    ],
    [
      'a private key',
      { root: { 'root/.ssh/id_ed25519': '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n' } },
      ['api-key: /root/.ssh/id_ed25519 holds a private key'],
    ],
    [
      'a key of a cloud',
      { root: { 'home/pi/.aws/credentials': `aws_secret_access_key = ${'A1b2'.repeat(10)}\n` } },
      ['api-key: /home/pi/.aws/credentials holds an access key of AWS'],
    ],
    [
      'a tunnel',
      { root: { 'etc/wireguard/wg0.conf': `[Interface]\nPrivateKey = ${'A'.repeat(43)}=\n` } },
      ['api-key: /etc/wireguard/wg0.conf holds the key of a WireGuard tunnel'],
    ],
    [
      'letters in config.txt',
      { boot: { 'config.txt': 'arm_64bit=1\n# für\n' } },
      ['config-ascii: boot: config.txt holds a byte that is not ASCII in line 2'],
    ],
    [
      'a kernel without modules',
      {
        root: { 'lib/modules/6.1.0-1-arm64/modules.dep': '' },
        kernels: [{ file: 'kernel8.img', release: '6.1.0-2-arm64' }],
      },
      ['kernel-modules: boot: kernel8.img is Linux 6.1.0-2-arm64, and the root has no modules for it'],
    ],
    [
      'a boot file too large for old firmware',
      { boot: { 'kernel8.img': 67_107_841 } },
      [
        'boot-file-size: boot: kernel8.img has 67107841 bytes, and boards with an EEPROM before 2025-09-23 load 67107840 over TFTP',
      ],
    ],
  ])('%s', async (_, content, found) => {
    expect(await lint(content)).toEqual(found);
  });

  it('nothing that its recipe allows', async () => {
    const content = { root: { 'etc/ssh/ssh_host_rsa_key': 'x', 'etc/drover/key': droverKey } };
    expect(await lint(content, ['host-keys'])).toEqual(['api-key: /etc/drover/key holds a key of Drover']);
  });

  it('nothing that looks like a key in the middle of a longer word', async () => {
    expect(await lint({ root: { 'etc/x': `x${droverKey}`, 'etc/y': `${droverKey}x` } })).toEqual([]);
  });
});
