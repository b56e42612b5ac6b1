import type { CommandSpec } from '../command.js';
import { page, provisionOptions } from './options.js';
import { simulateOptions } from './simulate-options.js';

export { groups } from './groups.js';

/** Commands of one word, in the order help shows them. */
export const commands: readonly CommandSpec[] = [
  {
    usage: 'serve',
    summary: 'Run the server',
    examples: ['drover serve', 'drover serve --config ./drover.yaml --data-dir /srv/drover'],
    options: [
      ['--config <file>', 'settings file (default /etc/drover/drover.yaml where it is there)'],
      ['--data-dir <folder>', 'the one folder it writes to'],
      ['--set <key=value...>', 'any setting, as in the file: --set boot.autoAdopt=true'],
    ],
    load: async () => (await import('./serve.js')).serve,
  },
  {
    usage: 'settings',
    summary: 'The settings in force on this machine and where each came from',
    examples: ['drover settings', 'drover settings --config ./drover.yaml --json'],
    options: [
      ['--config <file>', 'settings file'],
      ['--changed', 'only those that are not the default'],
    ],
    load: async () => (await import('./serve.js')).showSettings,
  },
  {
    usage: 'login <server>',
    summary: 'Store a server and a key for it; asks for the key when --key is left out',
    examples: ['drover login http://drover.lan:8080', 'drover login http://drover.lan:8080 --name lab --key drv_...'],
    options: [['--name <name>', 'name of the context (default: the host)']],
    load: async () => (await import('../actions/context.js')).login,
  },
  {
    usage: 'build <recipe>',
    summary: 'Build an image from a recipe, on this machine or on the server',
    examples: [
      'drover build base',
      'drover build ./sign --release',
      'drover build ./sign --output ./out --card',
      'drover build ./sign --remote',
    ],
    options: [
      ['--output <folder>', 'put the files there instead of the image store'],
      ['--import', 'with --output: into the image store too'],
      ['--card', 'with --output: an image of a whole card too'],
      ['--release', 'as small as it gets, however long that takes'],
      ['--check', 'only see whether the recipe can be used'],
      ['--lock <file>', 'packages.lock.json of an earlier build: take its packages again'],
      ['--dry-run', 'choose packages and say what would be done'],
      ['--shared', 'let all tenants see the image'],
      ['--verbose', 'show all that programs say'],
      ['--on <address>', 'build on another host, as ssh://pi@builder; it needs Node.js 20 and the programs of a build'],
      ['--ssh-config <file>', 'settings of ssh for --on (default ~/.ssh/config)'],
      ['--cache-dir <folder>', 'where packages and layers are kept (default ~/.cache/drover/builds)'],
      ['--remote', 'have the server build, and follow what it does'],
      ['--no-wait', 'with --remote: end when the server has what it needs'],
      ['--publish', 'with --remote: into the index below /images/global of the server'],
      ['--cancel-on-interrupt', 'with --remote: Ctrl-C ends the build too'],
    ],
    load: async () => (await import('./build/build.js')).build,
  },
  {
    usage: 'provision',
    summary: 'Give one free device an image',
    examples: [
      'drover provision --image raspios:2026 --device sign-17 --wait',
      'drover provision --image raspios:2026 --label rack=a',
      'drover provision --image raspios --any --memory 4G --spread rack',
      'drover provision --image raspios --any --ttl 4h --wait-for-device 10m --wait',
    ],
    options: [
      ['--image <image>', 'name:version, or a name for its newest version'],
      ['--device <device>', 'this one'],
      ['--label <k=v...>', 'any free one with these labels'],
      ['--any', 'any free one'],
      ['--model <model>', 'with --label or --any: of this model'],
      ['--memory <size>', 'with --label or --any: 512M, 4G; at least so much memory'],
      ['--site <site>', 'with --label or --any: at this site'],
      ['--spread <label>', 'with --label or --any: where the fewest are in use, by the value of this label'],
      ['--ttl <time>', '30m, 4h, 7d: the device is released by itself after so long'],
      ['--wait-for-device <time>', '10m, 2h: queue for a device, at most so long'],
      ...provisionOptions,
    ],
    load: async () => (await import('../actions/provision.js')).provision,
  },
  {
    usage: 'reimage <device>',
    summary: 'Give a device in use another image at its next boot',
    examples: ['drover reimage sign-17 --image raspios:2027'],
    options: [['--image <image>', 'name:version, or a name for its newest version'], ...provisionOptions],
    load: async () => (await import('../actions/provision.js')).reimage,
  },
  {
    usage: 'lease <device>',
    summary: 'Say how much longer a device is kept, from now on',
    examples: ['drover lease sign-17 --ttl 4h', 'drover lease sign-17 --forever'],
    options: [
      ['--ttl <time>', '30m, 4h, 7d: it is released by itself after so long'],
      ['--forever', 'until somebody releases it'],
    ],
    load: async () => (await import('../actions/provision.js')).lease,
  },
  {
    usage: 'release <device>',
    summary: 'End the assignment; the device is free again',
    examples: ['drover release sign-17', 'drover release sign-17 --keep-disk'],
    options: [
      ['--keep-disk', 'the disk it ran from (root mode nbd) becomes a disk of yours'],
      ['--force', 'also when it cannot be switched off, or the hook of the server refuses'],
    ],
    load: async () => (await import('../actions/provision.js')).release,
  },
  {
    usage: 'console <device>',
    summary: 'The serial console of a device: shows it and sends keys to it; Ctrl-] ends',
    examples: ['drover console sign-17', 'drover console sign-17 --no-follow', 'drover console sign-17 --read-only'],
    options: [
      ['--read-only', 'send no keys'],
      ['--no-follow', 'show what the server has kept of it, and end'],
    ],
    load: async () => (await import('../actions/console.js')).open,
  },
  {
    usage: 'events',
    summary: 'The event log',
    examples: ['drover events --follow', 'drover events --type device.up --json'],
    options: [
      ['--follow', 'go on as events happen'],
      ['--after <id>', 'from this event on'],
      ['--type <type>', 'only of this type'],
      ['--subject <id>', 'only about this one'],
      ...page,
    ],
    load: async () => (await import('../actions/events.js')).events,
  },
  {
    usage: 'audit',
    summary: 'Who did what, newest first (admin)',
    examples: ['drover audit --limit 20', 'drover audit --by ci --operation provisionDevice --since 2026-11-01'],
    options: [
      ['--by <key>', 'only what this API key did: its id or the name it had'],
      ['--operation <operation>', 'only this operation, as the API names it'],
      ['--subject <id>', 'only what was done to this one'],
      ['--since <moment>', 'from this moment on: 2026-11-01, or with a time as 2026-11-01T08:00:00Z'],
      ['--until <moment>', 'before this moment'],
      ...page,
    ],
    load: async () => (await import('../actions/access.js')).audit,
  },
  {
    usage: 'whoami',
    summary: 'Which server and key are in use',
    examples: ['drover whoami'],
    load: async () => (await import('../actions/context.js')).whoAmI,
  },
  {
    usage: 'simulate',
    summary: 'Raspberry Pis without Raspberry Pis: one or thousands boot from a server over real packets',
    examples: [
      'drover simulate --serial 10000000abcdef01 --model 5',
      'drover simulate --fleet 100 --models 4b=3,5=1 --ramp-up-ms 5000',
      'drover simulate --serial 10000000abcdef01 --mode broadcast --interface eth0 --configure-interface --qemu virt --work /tmp/pi --tap tap0',
    ],
    options: simulateOptions,
    load: async () => (await import('./simulate.js')).simulate,
  },
  {
    usage: 'doctor',
    summary: 'What is wrong with the network of the boards, and what to do about it',
    examples: [
      'drover doctor',
      'drover doctor --interface eth0 --seconds 20',
      'drover doctor --simulate pi4',
      'drover doctor --json',
    ],
    options: [
      [
        '--interface <name>',
        'look from this network card (default: those the server serves here, or the default route)',
      ],
      ['--seconds <n>', 'listen so long, from 2 on (default 6)'],
      ['--simulate <model>', 'boot a simulated board of this model too, pi4 or another, or all: from DHCP to up'],
      ['--image <image>', 'with --simulate: what it boots (default: the newest image that runs on the model)'],
    ],
    load: async () => (await import('./doctor.js')).doctor,
  },
  {
    usage: 'completion <shell>',
    summary: 'Completion script for bash, zsh or fish',
    examples: ['drover completion bash > /etc/bash_completion.d/drover'],
    load: async () => (await import('../actions/completion.js')).completion,
  },
  {
    usage: 'complete <kind>',
    summary: 'Names for the completion of a shell: device, image, disk ...',
    examples: ['drover complete device'],
    hidden: true,
    load: async () => (await import('../actions/complete.js')).complete,
  },
];
