import type { GroupSpec } from '../command.js';
import { builds } from './builds-group.js';
import { card } from './card-group.js';
import { config } from './config-group.js';
import { disk } from './disk-group.js';
import { device, request } from './device-group.js';
import { page, wait } from './options.js';
import { power } from './power-group.js';

const image: GroupSpec = {
  name: 'image',
  summary: 'disk images: import, look into, delete',
  commands: [
    {
      usage: 'import [source]',
      summary: 'Import an image from a file (.img, .xz, .gz, .zst, .zip), an http(s) URL, or a path on the server',
      examples: [
        'drover image import 2026-raspios-lite.img.xz --name raspios:2026',
        'drover image import https://example.org/os.img.xz --name os:1 --sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        'drover image import --boot ./boot --root root.tar --name built:7',
      ],
      options: [
        ['--name <name:version>', 'what it is called; from the file name when left out'],
        ['--sha256 <hex>', 'refuse other bytes (of the file as it comes)'],
        ['--path <path>', "a file on the server's disk, below a folder of images.importFrom"],
        ['--boot <folder>', "the boot partition's files as a folder or a tar, together with --root"],
        ['--root <tar>', 'tar of the root file system, together with --boot'],
        ['--shared', 'visible to every tenant (admin keys)'],
        ['--no-wait', 'end when the bytes are on the server; the import goes on there'],
      ],
      load: async () => (await import('../actions/image-import.js')).importImage,
    },
    {
      usage: 'list',
      live: 'events',
      summary: 'Images, newest first',
      examples: ['drover image list', 'drover image list --name raspios'],
      options: [['--name <name>', 'only versions of this one'], ...page],
      load: async () => (await import('../actions/image.js')).list,
    },
    {
      usage: 'show <image>',
      live: 'events',
      summary: 'What an image is and can run on',
      examples: ['drover image show raspios:2026'],
      load: async () => (await import('../actions/image.js')).show,
    },
    {
      usage: 'files <image>',
      summary: 'Files of its boot partition',
      examples: ['drover image files raspios:2026'],
      load: async () => (await import('../actions/image.js')).files,
    },
    {
      usage: 'download <image>',
      summary: 'Fetch its disk, or the files of a card that asks the server what to boot',
      examples: [
        'drover image download raspios:2026 --output raspios.img',
        'drover image download raspios:2026 --card --device sign-1',
      ],
      options: [
        ['--disk', 'the whole disk; also when neither is said'],
        ['--card', 'a tar.gz to unpack onto one plain FAT partition'],
        ['--device <device>', 'the board the card is for; any, when left out'],
        [
          '--boot-server <url>',
          'where boards reach the server, as http://address:port; what the server knows, when left out',
        ],
        ['--output <file>', 'where to; named after the image when left out'],
      ],
      load: async () => (await import('../actions/image.js')).download,
    },
    {
      usage: 'delete <image>',
      summary: 'Delete an image that no device uses',
      examples: ['drover image delete raspios:2026'],
      load: async () => (await import('../actions/image.js')).remove,
    },
  ],
};

const boot: GroupSpec = {
  name: 'boot',
  summary: 'boot sessions: watch live, look back',
  commands: [
    {
      usage: 'watch [device]',
      summary: 'What boards do, as it happens; all of them or one',
      examples: ['drover boot watch', 'drover boot watch sign-17 --until-up'],
      options: [
        ['--until-up', 'end when the device reports up, or its boot failed'],
        ['--logs', 'kernel logs too'],
      ],
      load: async () => (await import('../actions/boot.js')).watch,
    },
    {
      usage: 'sessions [device]',
      live: 'timelines',
      summary: 'Boot sessions, newest first',
      examples: ['drover boot sessions sign-17', 'drover boot sessions --outcome failed'],
      options: [['--outcome <outcome>', 'running, up, failed, lost, superseded or revoked'], ...page],
      load: async () => (await import('../actions/boot.js')).sessions,
    },
    {
      usage: 'show <session>',
      live: 'timelines',
      summary: 'One boot session with its whole timeline (a device: its last one)',
      examples: ['drover boot show bs_01JZ5M8K7Q2W3E4R5T6Y7V8B9N', 'drover boot show sign-17 --logs'],
      options: [['--logs', 'kernel logs too']],
      load: async () => (await import('../actions/boot.js')).show,
    },
  ],
};

const job: GroupSpec = {
  name: 'job',
  summary: 'work under way on the server',
  commands: [
    {
      usage: 'list',
      live: 'events',
      summary: 'Jobs, newest first',
      examples: ['drover job list --state running'],
      options: [
        ['--state <state>', 'queued, running, succeeded, failed or cancelled'],
        ['--kind <kind>', 'image.import, blob.verify, ...'],
        ...page,
      ],
      load: async () => (await import('../actions/job.js')).list,
    },
    {
      usage: 'show <job>',
      live: 'events',
      summary: 'One job',
      examples: ['drover job show job_01JZ5M8K7Q2W3E4R5T6Y7V8B9N'],
      load: async () => (await import('../actions/job.js')).show,
    },
    {
      usage: 'watch <job>',
      summary: 'Follow a job to its end; the exit code is that of its error',
      examples: ['drover job watch job_01JZ5M8K7Q2W3E4R5T6Y7V8B9N'],
      load: async () => (await import('../actions/job.js')).watch,
    },
    {
      usage: 'cancel <job>',
      summary: 'Ask a job to stop and undo what it did',
      examples: ['drover job cancel job_01JZ5M8K7Q2W3E4R5T6Y7V8B9N'],
      load: async () => (await import('../actions/job.js')).cancel,
    },
    {
      usage: 'retry <job>',
      summary: 'Begin the work of a failed or cancelled job anew, and follow it',
      examples: ['drover job retry job_01JZ5M8K7Q2W3E4R5T6Y7V8B9N'],
      options: wait,
      load: async () => (await import('../actions/job.js')).retry,
    },
  ],
};

const blob: GroupSpec = {
  name: 'blob',
  summary: 'stored bytes: verify, tidy up (admin)',
  commands: [
    {
      usage: 'verify',
      summary: 'Read every stored blob and compare its sha256',
      examples: ['drover blob verify'],
      options: wait,
      load: async () => (await import('../actions/job.js')).verifyBlobs,
    },
    {
      usage: 'collect',
      summary: 'Delete blobs that nothing refers to',
      examples: ['drover blob collect'],
      options: wait,
      load: async () => (await import('../actions/job.js')).collectBlobs,
    },
  ],
};

const key: GroupSpec = {
  name: 'key',
  summary: 'API keys (admin)',
  commands: [
    {
      usage: 'create <name>',
      summary: 'Create a key; it is shown this once',
      examples: ['drover key create ci --role operator --expires 90d'],
      options: [
        ['--role <role>', 'admin, operator, reader or device (default operator)'],
        ['--tenant <tenant>', 'name or id; left out: where your own key belongs'],
        ['--expires <when>', '90d, 12h, or a moment like 2027-01-01T00:00:00Z'],
      ],
      load: async () => (await import('../actions/access.js')).createKey,
    },
    {
      usage: 'import <name>',
      summary: 'Take in a key that cards and scripts hold already; asks for it, or reads it from a file',
      examples: ['drover key import cards --role device --from-file ./apikey', 'drover key import cards --from-file -'],
      options: [
        ['--from-file <file>', 'a file with the key on its one line; - for standard input'],
        ['--role <role>', 'admin, operator, reader or device (default operator)'],
        ['--tenant <tenant>', 'name or id; left out: where your own key belongs'],
        ['--expires <when>', '90d, 12h, or a moment like 2027-01-01T00:00:00Z'],
      ],
      load: async () => (await import('../actions/access.js')).importKey,
    },
    {
      usage: 'list',
      live: 'events',
      summary: 'Keys, without the keys themselves',
      examples: ['drover key list'],
      options: page,
      load: async () => (await import('../actions/access.js')).listKeys,
    },
    {
      usage: 'revoke <key>',
      summary: 'Revoke a key at once',
      examples: ['drover key revoke key_01JZ5M8K7Q2W3E4R5T6Y7V8B9N'],
      load: async () => (await import('../actions/access.js')).revokeKey,
    },
  ],
};

const tenant: GroupSpec = {
  name: 'tenant',
  summary: 'owners of devices, images and keys (admin)',
  commands: [
    {
      usage: 'list',
      live: 'events',
      summary: 'Tenants',
      examples: ['drover tenant list'],
      options: page,
      load: async () => (await import('../actions/access.js')).listTenants,
    },
    {
      usage: 'create <name>',
      summary: 'Create a tenant',
      examples: ['drover tenant create signage'],
      load: async () => (await import('../actions/access.js')).createTenant,
    },
    {
      usage: 'quota <tenant>',
      summary: 'Set what a tenant may have at most; what is left out stays',
      examples: [
        'drover tenant quota signage --disks 20 --disk-bytes 500G --backup-bytes 200G',
        'drover tenant quota signage --disks none',
      ],
      options: [
        ['--disks <count>', 'disks, system disks included; none: any number'],
        ['--disk-bytes <size>', '500G or bytes: all its disks as boards see them; none: as much as there is'],
        ['--backup-bytes <size>', '200G or bytes: the files of all its backups; none: as much as there is'],
      ],
      load: async () => (await import('../actions/quota.js')).setQuota,
    },
  ],
};

const context: GroupSpec = {
  name: 'context',
  summary: 'servers this command line knows',
  commands: [
    {
      usage: 'list',
      summary: 'Contexts, the current one marked',
      examples: ['drover context list'],
      load: async () => (await import('../actions/context.js')).list,
    },
    {
      usage: 'use <context>',
      summary: 'Talk to this one from now on',
      examples: ['drover context use lab'],
      load: async () => (await import('../actions/context.js')).use,
    },
    {
      usage: 'delete <name>',
      summary: 'Forget one',
      examples: ['drover context delete lab'],
      load: async () => (await import('../actions/context.js')).remove,
    },
  ],
};

const helpers: GroupSpec = {
  name: 'helpers',
  summary: 'what the network-boot initramfs is made from',
  commands: [
    {
      usage: 'fetch',
      summary: 'Fetch the helper programs (busybox) now, so that imports need no network',
      examples: ['drover helpers fetch', 'drover helpers fetch --config /etc/drover/drover.yaml'],
      options: [['--config <file>', 'settings file of the server']],
      load: async () => (await import('./serve.js')).fetchHelpers,
    },
  ],
};

/** Commands below one word, in the order help shows them. */
export const groups: readonly GroupSpec[] = [
  device,
  request,
  power,
  image,
  card,
  builds,
  config,
  disk,
  boot,
  job,
  blob,
  key,
  tenant,
  context,
  helpers,
];
