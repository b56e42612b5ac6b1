import type { GroupSpec } from '../command.js';
import { page } from './options.js';

export const device: GroupSpec = {
  name: 'device',
  summary: 'boards: find, adopt, label, register, forget',
  commands: [
    {
      usage: 'list',
      live: 'events',
      summary: 'Devices, newest first',
      examples: [
        'drover device list',
        'drover device list --state discovered',
        'drover device list --label rack=a --json',
        'drover device list --health failing',
      ],
      options: [
        ['--state <state>', 'discovered, available, preparing, in-use, releasing or failed'],
        ['--label <k=v...>', 'only with these labels'],
        ['--model <model>', 'only this model: pi4'],
        ['--image <image>', 'only those assigned this image'],
        ['--health <health>', 'healthy, failing, silent or unknown, as boards tell that run from their card'],
        ...page,
      ],
      load: async () => (await import('../actions/device.js')).list,
    },
    {
      usage: 'show <device>',
      live: 'events',
      summary: 'One device by id, name, serial, MAC or boot prefix',
      examples: ['drover device show sign-17'],
      load: async () => (await import('../actions/device.js')).show,
    },
    {
      usage: 'adopt <device>',
      summary: 'Take a discovered device into your tenant, so that it can be provisioned',
      examples: ['drover device adopt pi-91cdf03d --name sign-17 --label rack=a'],
      options: [
        ['--name <name>', 'what it is called from now on'],
        ['--label <k=v...>', 'labels it gets'],
      ],
      load: async () => (await import('../actions/device.js')).adopt,
    },
    {
      usage: 'label <device> <labels...>',
      summary: 'Set labels (k=v) or take them away (k-)',
      examples: ['drover device label sign-17 rack=b floor-'],
      load: async () => (await import('../actions/device.js')).label,
    },
    {
      usage: 'rename <device> <name>',
      summary: 'Give a device another name',
      examples: ['drover device rename pi-91cdf03d sign-17'],
      load: async () => (await import('../actions/device.js')).rename,
    },
    {
      usage: 'create',
      summary: 'Register a device before it was seen, or a machine that is no Pi',
      examples: [
        'drover device create --name vm-1 --mac 52:54:00:12:34:56',
        'drover device create --serial 10000000abcdef01 --model pi4',
      ],
      options: [
        ['--name <name>', 'its name'],
        ['--mac <mac>', 'its MAC address'],
        ['--serial <serial>', '16 hex digits'],
        ['--memory <size>', '1G, 4G: how much memory it has'],
        ['--boot-prefix <prefix>', '8 hex digits: the folder it asks for over TFTP'],
        ['--model <model>', 'pi4, pi5, ... (default other)'],
        ['--site <site>', 'network segment it is on'],
        ['--label <k=v...>', 'labels it gets'],
      ],
      load: async () => (await import('../actions/device.js')).create,
    },
    {
      usage: 'card <device> <id>',
      summary: 'Say that a card of CattlePi which calls itself so is this device',
      examples: [
        'drover device card sign-17 door --of key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
        'drover device card sign-17 door --of key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N --off',
      ],
      options: [
        ['--of <key>', 'id of the key that the card asks with'],
        ['--off', 'take it away again'],
      ],
      load: async () => (await import('../actions/device.js')).card,
    },
    {
      usage: 'files <device>',
      summary: 'Files that a device gets at each boot',
      examples: ['drover device files sign-17'],
      load: async () => (await import('../actions/device-files.js')).files,
    },
    {
      usage: 'put-file <device> <file> <path>',
      summary: 'Give a device a file of this machine, from its next boot on until it is released',
      examples: ['drover device put-file sign-17 ./token /etc/app/token --mode 0600 --owner 33:33'],
      options: [
        ['--mode <mode>', 'in octal (default 0644)'],
        ['--owner <uid:gid>', 'numbers of user and group (default 0:0)'],
      ],
      load: async () => (await import('../actions/device-files.js')).put,
    },
    {
      usage: 'get-file <device> <path>',
      summary: 'Show a file that a device gets, or save it',
      examples: ['drover device get-file sign-17 /etc/app/token --output token'],
      options: [['--output <file>', 'write it there, readable by you alone']],
      load: async () => (await import('../actions/device-files.js')).get,
    },
    {
      usage: 'delete-file <device> <path>',
      summary: 'Take a file away, from the next boot on',
      examples: ['drover device delete-file sign-17 /etc/app/token'],
      load: async () => (await import('../actions/device-files.js')).remove,
    },
    {
      usage: 'first-boot <action> <device>',
      summary: 'Host name, users, keys and time zone that a device gets at its next boot: set, show or clear them',
      examples: [
        'drover device first-boot set sign-17 --file custom.toml',
        'drover device first-boot set sign-17 --file user-data --network-config network-config',
        'drover device first-boot show sign-17',
        'drover device first-boot clear sign-17',
      ],
      options: [
        ['--file <file>', 'custom.toml of Raspberry Pi Imager, user-data of cloud-init, or JSON'],
        ['--meta-data <file>', 'of cloud-init, for images that have it'],
        ['--network-config <file>', 'of cloud-init, for images that have it'],
      ],
      load: async () => (await import('../actions/first-boot.js')).firstBoot,
    },
    {
      usage: 'set-console <device>',
      summary: 'Say where the serial console of a device is (admin)',
      examples: [
        'drover device set-console sign-17 --tcp serial.lan:2001',
        'drover device set-console sign-17 --tcp serial.lan:2001 --telnet',
        'drover device set-console sign-17 --ssh pi@serial.lan --command ./console-of-sign-17',
        'drover device set-console sign-17 --none',
      ],
      options: [
        ['--tcp <host:port>', 'a port of ser2net or a terminal server'],
        ['--telnet', 'with --tcp: it speaks telnet'],
        ['--ssh <user@host>', 'a host that has the line; user@host:port for another port than 22'],
        ['--command <command>', 'with --ssh: what shows it there'],
        ['--none', 'it has none'],
      ],
      load: async () => (await import('../actions/console.js')).set,
    },
    {
      usage: 'delete <device>',
      summary: 'Forget a device that is not in use',
      examples: ['drover device delete sign-17'],
      load: async () => (await import('../actions/device.js')).remove,
    },
  ],
};

export const request: GroupSpec = {
  name: 'request',
  summary: 'who waits for a device',
  commands: [
    {
      usage: 'list',
      live: 'events',
      summary: 'Requests for a device, newest first',
      examples: ['drover request list', 'drover request list --state waiting'],
      options: [['--state <state>', 'waiting, granted, timed-out, cancelled, refused'], ...page],
      load: async () => (await import('../actions/requests.js')).list,
    },
    {
      usage: 'cancel <request>',
      summary: 'Stop to wait',
      examples: ['drover request cancel req_01JZ5M8K7Q2W3E4R5T6Y7V8B9N'],
      load: async () => (await import('../actions/requests.js')).cancel,
    },
  ],
};
