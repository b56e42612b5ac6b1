import type { GroupSpec } from '../command.js';
import { page, wait } from './options.js';

/** Commands about disks, in the order help shows them. */
export const disk: GroupSpec = {
  name: 'disk',
  summary: 'disks: make, attach, grow, snapshot, clone, back up, restore, check, delete',
  commands: [
    {
      usage: 'create',
      summary: 'Make a disk: empty, over an image, or of a snapshot. It takes no space before it is written to',
      examples: [
        'drover disk create --size 8G --name media',
        'drover disk create --image raspios:2026 --size 16G',
        'drover disk create --snapshot snp_01JZ5M8K7Q2W3E4R5T6Y7V8B9N --name copy',
      ],
      options: [
        ['--size <size>', '8G, 512M or bytes; left out: as large as what it is made of'],
        ['--image <image>', 'name:version, or a name for its newest version'],
        ['--snapshot <id>', 'a kept state of another disk'],
        ['--name <name>', 'what it is called'],
        ...wait,
      ],
      load: async () => (await import('../actions/disk.js')).create,
    },
    {
      usage: 'list',
      live: 'events',
      summary: 'Disks, newest first',
      examples: ['drover disk list', 'drover disk list --role data --json'],
      options: [
        ['--device <id>', 'only those of this device'],
        ['--role <role>', 'root (system disks) or data'],
        ...page,
      ],
      load: async () => (await import('../actions/disk.js')).list,
    },
    {
      usage: 'show <disk>',
      live: 'events',
      summary: 'One disk by id or name',
      examples: ['drover disk show media'],
      load: async () => (await import('../actions/disk.js')).show,
    },
    {
      usage: 'attach <disk> <device>',
      summary:
        'Give a disk to a device: at once when that is up, else at its next boot. It is /dev/disk/by-id/drover-NAME there',
      examples: ['drover disk attach media pi-kitchen', 'drover disk attach media pi-hall --read-only'],
      options: [['--read-only', 'it only reads; any number of devices may'], ...wait],
      load: async () => (await import('../actions/disk-attach.js')).attach,
    },
    {
      usage: 'detach <disk> [device]',
      summary: 'Take a disk from a device, which lets go of it first',
      examples: ['drover disk detach media', 'drover disk detach media pi-hall', 'drover disk detach media --force'],
      options: [['--force', 'do not ask the board: what it has not written yet is lost'], ...wait],
      load: async () => (await import('../actions/disk-attach.js')).detach,
    },
    {
      usage: 'resize <disk> <size>',
      summary: 'Make a disk larger, also while it is in use',
      examples: ['drover disk resize media 16G'],
      options: wait,
      load: async () => (await import('../actions/disk.js')).resize,
    },
    {
      usage: 'rename <disk> <name>',
      summary: 'Give a disk another name',
      examples: ['drover disk rename disk-7v8b9nab media'],
      load: async () => (await import('../actions/disk.js')).rename,
    },
    {
      usage: 'keep <disk>',
      summary: 'Keep a disk that would be deleted by itself',
      examples: ['drover disk keep media'],
      load: async () => (await import('../actions/disk.js')).keep,
    },
    {
      usage: 'snapshot <disk>',
      summary: 'Keep the state of a disk, also while it is in use',
      examples: ['drover disk snapshot media --name before-upgrade'],
      options: [['--name <name>', 'what the state is called'], ...wait],
      load: async () => (await import('../actions/disk.js')).takeSnapshot,
    },
    {
      usage: 'snapshots <disk>',
      summary: 'Kept states of a disk, oldest first',
      examples: ['drover disk snapshots media'],
      load: async () => (await import('../actions/disk.js')).snapshots,
    },
    {
      usage: 'delete-snapshot <disk> <snapshot>',
      summary: 'Let a kept state go',
      examples: ['drover disk delete-snapshot media before-upgrade'],
      options: wait,
      load: async () => (await import('../actions/disk.js')).deleteSnapshot,
    },
    {
      usage: 'flatten <disk>',
      summary: 'Copy what snapshots hold into the disk, so that it reads as fast as a new one',
      examples: ['drover disk flatten media'],
      options: wait,
      load: async () => (await import('../actions/disk.js')).flatten,
    },
    {
      usage: 'check <disk>',
      summary: 'Check the files of a disk, also while it is in use; the exit code is 1 when there is damage',
      examples: ['drover disk check media'],
      options: wait,
      load: async () => (await import('../actions/disk.js')).check,
    },
    {
      usage: 'backup <disk>',
      summary: 'Copy the content of a disk as it is now into a file, also while it is in use',
      examples: ['drover disk backup media', 'drover disk backup media -o media.qcow2'],
      options: [
        ['-o, --output <file>', 'fetch it into this file, and leave nothing on the server'],
        ['--keep', 'with --output: leave it on the server as well'],
        ['--format <format>', 'qcow2 (compact) or raw'],
        ...wait,
      ],
      load: async () => (await import('../actions/disk-backup.js')).backup,
    },
    {
      usage: 'backups [disk]',
      summary: 'Backups on the server, newest first',
      examples: ['drover disk backups', 'drover disk backups media'],
      options: page,
      load: async () => (await import('../actions/disk-backup.js')).backups,
    },
    {
      usage: 'fetch-backup <backup>',
      summary: 'Download a backup, and check its digest',
      examples: ['drover disk fetch-backup bak_01JZ5M8K7Q2W3E4R5T6Y7V8B9N -o media.qcow2'],
      options: [['-o, --output <file>', 'left out: named after the disk']],
      load: async () => (await import('../actions/disk-backup.js')).fetchBackup,
    },
    {
      usage: 'restore <source>',
      summary: 'Make a disk with the content of a backup, or of a qcow2 or raw file of yours',
      examples: [
        'drover disk restore bak_01JZ5M8K7Q2W3E4R5T6Y7V8B9N --name media-2',
        'drover disk restore media.qcow2 --size 32G',
      ],
      options: [
        ['--name <name>', 'what the disk is called'],
        ['--size <size>', '8G, 512M or bytes; left out: as large as it was'],
        ...wait,
      ],
      load: async () => (await import('../actions/disk-backup.js')).restore,
    },
    {
      usage: 'delete-backup <backup>',
      summary: 'Delete a backup',
      examples: ['drover disk delete-backup bak_01JZ5M8K7Q2W3E4R5T6Y7V8B9N'],
      load: async () => (await import('../actions/disk-backup.js')).deleteBackup,
    },
    {
      usage: 'delete <disk>',
      summary: 'Delete a disk that no device uses',
      examples: ['drover disk delete media', 'drover disk delete media --with-snapshots'],
      options: [['--with-snapshots', 'its kept states go with it'], ...wait],
      load: async () => (await import('../actions/disk.js')).remove,
    },
  ],
};
