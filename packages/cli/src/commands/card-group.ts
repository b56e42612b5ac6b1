import type { CommandSpec, GroupSpec } from '../command.js';

const settings: CommandSpec['options'] = [
  ['--image <image>', 'a file, a folder that `drover build` made, or name:version of the server'],
  ['--self-updating', 'with an image of the server: a card whose boot files and root follow it (root mode sd)'],
  ['--card-server <url>', 'server that the board asks: its address for boards, in digits'],
  ['--ca <file>', 'authority, in PEM, that the certificate of an https server must be of; with --self-updating'],
  ['--key-file <file>', 'API key of the board'],
  ['--new-key', 'make a key of the role device for it'],
  ['--device <device>', 'which device the board is, by id or name'],
  ['--hostname <name>', 'host name of the board'],
  ['--address <address>', 'its own address instead of DHCP: 192.0.2.7/24'],
  ['--gateway <address>', 'router of that network'],
  ['--dns <addresses>', 'name servers, with commas'],
  ['--vlan <number>', 'VLAN on the cable that the board is in'],
  ['--wifi-ssid <name>', 'wireless network'],
  ['--wifi-password-file <file>', 'its password; left out: asks for it'],
  ['--wifi-country <code>', 'where the board is: DE, GB, ...'],
  ['--forget', 'keep nothing of what the card held before'],
  ['--no-grow', 'leave the root partition as large as in the image'],
  ['--cards <file>', 'a CSV file with a line for each of many cards'],
];

/** `drover card`: images onto SD cards, with what each board has to know. */
export const card: GroupSpec = {
  name: 'card',
  summary: 'SD cards: write an image, with server, key and network of each board',
  commands: [
    {
      usage: 'write <device>',
      summary: 'Write a card in a reader, and read it back; what was baked in before is kept',
      examples: [
        'drover card write /dev/sdb --image base:2026-11-28',
        'drover card write /dev/mmcblk0 --image ./out --card-server http://192.0.2.1:8081 --device sign-17 --new-key',
        'drover card write /dev/sdb --image raspios.img.xz --cards cards.csv',
      ],
      options: [
        ...settings,
        ['--yes', 'do not ask'],
        ['--allow-fixed', 'also a disk that is not made to be taken out'],
        ['--max-size <size>', 'refuse disks that are larger (default 256G)'],
      ],
      load: async () => (await import('./card/write.js')).write,
    },
    {
      usage: 'image [file]',
      summary: 'Make a file that can be written to a card by any program; needs no root',
      examples: [
        'drover card image sign-17.img --image base:2026-11-28 --hostname sign-17',
        'drover card image --image ./out --cards cards.csv --output ./cards',
      ],
      options: [
        ...settings,
        ['--size <size>', 'size of the card: 8G; left out: as large as the image'],
        ['--output <folder>', 'with --cards: where the files are put'],
      ],
      load: async () => (await import('./card/image.js')).image,
    },
    {
      usage: 'key [action]',
      summary: 'Public key of what self-updating cards are told; `roll` makes and announces the next one (admin)',
      examples: ['drover card key', 'drover card key roll', 'drover card key roll --finish'],
      options: [['--finish', 'with roll: sign with the next key from now on']],
      load: async () => (await import('../actions/card-key.js')).cardKey,
    },
  ],
};
