import type { GroupSpec } from '../command.js';
import { page } from './options.js';

/** Whose config is meant. */
const target = [
  ['--default', 'what all devices of the tenant get'],
  ['--label <k=v...>', 'what devices with these labels get'],
  ['--card <key:id>', 'what one card of CattlePi gets: id of the key, id of the card'],
] as const;

const reason = ['--reason <text>', 'why, for the history'] as const;

/** Commands about boot configs, in the order help shows them. */
export const config: GroupSpec = {
  name: 'config',
  summary: 'what cards boot and how they are set up: default, by label, by device',
  commands: [
    {
      usage: 'list',
      live: 'events',
      summary: 'Layers that say something',
      examples: ['drover config list'],
      options: page,
      load: async () => (await import('../actions/config.js')).list,
    },
    {
      usage: 'get [device]',
      summary: 'What one layer says',
      examples: ['drover config get sign-17', 'drover config get --default', 'drover config get --label rack=a'],
      options: target,
      load: async () => (await import('../actions/config.js')).get,
    },
    {
      usage: 'set [device]',
      summary: 'Change what a layer says; what is not named stays',
      examples: [
        'drover config set sign-17 --usercode ./start.sh --autoupdate on',
        'drover config set --default --image sign:2026.1 --ssh-key ~/.ssh/id_ed25519.pub',
        'drover config set --label rack=a --set config.screen.rotate=90 --unset config.screen.dim',
      ],
      options: [
        ...target,
        ['--incremental', 'change what is there (the default)'],
        ['--replace', 'begin with nothing instead'],
        ['--bootcode <file>', 'script that runs before the root is built; WIPE: none'],
        ['--usercode <file>', 'script that runs once the root is up; WIPE: none'],
        ['--autoupdate <on|off>', 'look for news every ten minutes'],
        ['--sdlayout <file>', 'dump of sfdisk: the card is divided so, once; WIPE: none'],
        ['--wpa-supplicant <file>', 'wpa_supplicant.conf, for Wi-Fi; WIPE: none'],
        ['--image <name:version>', 'an image that a recipe was built to'],
        ['--initfs <url>', 'boot files, as a tar.gz; with --initfs-md5'],
        ['--initfs-md5 <hex>', 'md5 of --initfs'],
        ['--rootfs <url>', 'root, as a squashfs; with --rootfs-md5'],
        ['--rootfs-md5 <hex>', 'md5 of --rootfs'],
        ['--package <url>', 'address of an info.sh: files and digests are taken from it'],
        ['--ssh-key <key...>', 'public key, or a file of them: added to the authorized keys of pi'],
        ['--set <path=value...>', 'any value; JSON, or else text'],
        ['--unset <path...>', 'say nothing here'],
        ['--before <command>', 'runs first, with the new config on its input; when it fails, nothing is changed'],
        ['--after <command>', 'runs after the change, with the new config on its input'],
        ['--priority <n>', 'of a label: higher ones have the last word (default 100)'],
        ['--show-only', 'show what would be sent, and send nothing'],
        reason,
      ],
      load: async () => (await import('../actions/config-set.js')).set,
    },
    {
      usage: 'edit [device]',
      summary: 'Change a layer in $EDITOR',
      examples: ['drover config edit sign-17', 'drover config edit --default --format json'],
      options: [...target, ['--format <format>', 'yaml (the default) or json'], reason],
      load: async () => (await import('../actions/config-edit.js')).edit,
    },
    {
      usage: 'diff [device]',
      summary: 'What changed between two versions; the latest two, when none are named',
      examples: ['drover config diff sign-17', 'drover config diff --default --from 3 --to 7'],
      options: [...target, ['--from <version>', 'the older one'], ['--to <version>', 'the newer one']],
      load: async () => (await import('../actions/config.js')).diff,
    },
    {
      usage: 'history [device]',
      summary: 'Versions of a layer, newest first',
      examples: ['drover config history sign-17', 'drover config history --label rack=a'],
      options: [...target, ...page],
      load: async () => (await import('../actions/config.js')).history,
    },
    {
      usage: 'revert [device]',
      summary: 'Say again what an older version said, as a new version',
      examples: ['drover config revert sign-17 --to 3'],
      options: [...target, ['--to <version>', 'see `drover config history`'], reason],
      load: async () => (await import('../actions/config.js')).revert,
    },
    {
      usage: 'explain [device]',
      summary: 'What comes of all layers, and which layer each value is from',
      examples: ['drover config explain sign-17', 'drover config explain --card key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N:door'],
      options: target,
      load: async () => (await import('../actions/config.js')).explain,
    },
    {
      usage: 'delete [device]',
      summary: 'Let a layer say nothing; its history stays',
      examples: ['drover config delete sign-17'],
      options: [...target, reason],
      load: async () => (await import('../actions/config.js')).remove,
    },
  ],
};
