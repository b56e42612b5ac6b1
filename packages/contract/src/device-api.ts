import * as z from 'zod';
import { beatHealths } from './resources/device.js';
import { DeviceId, Mac, RootMode, Serial, SessionId, Sha256 } from './primitives.js';

/**
 * What a board's initramfs and agent say to the boot plane, below `/device/v1`. Answers are `key=value` lines, because a board has busybox and no
 * JSON reader; every value is limited to characters a shell needs not quote (see {@link deviceValue}).
 *
 * - `GET  /device/v1/time`: `time=<unix seconds>`; no credential.
 * - `POST /device/v1/boots`: what a board whose kernel came from a card asks first: form body {@link BootForm}, where its card has a key
 *   `Authorization: Bearer <key>` (role device); answers {@link CardBoot} as lines: what a network boot has on its command line. 503 with Retry-After while there
 *   is nothing to boot; 403 when this card may not boot here, or the assigned image has no modules for the kernel that runs. With root mode `sd` a card that says
 *   which set of boot files runs is let in with any kernel: it is about to get another one.
 * - `POST /device/v1/sessions/{id}/exchange`: form body {@link ExchangeForm}; answers {@link ExchangeAnswer} as lines. 503 with Retry-After while the root
 *   is being prepared or the control plane is away; 403 when the secret is wrong, expired or was used with another nonce (the session is then revoked), or
 *   the board is up at its former boot (then this session is revoked). The answer takes some seconds where that has to be found out.
 * - `GET  /device/v1/sessions/{id}/card?nonce=`: root mode `sd`: what the card is to hold, as signify(1) signs and verifies a message with its signature in front
 *   of it (`signify -V -e`): the message is {@link CardAnswer} as lines; credential. 503 as for the exchange.
 * - `GET  /device/v1/sessions/{id}/root`: the root image (squashfs), ranges; `Authorization: Bearer <credential>`.
 * - `GET  /device/v1/sessions/{id}/boot`, `/config`, `/delta`: root mode `sd`: the files of the last answer of `/card`, ranges; credential. These and `/root` are 404
 *   where no such answer was given, or the server no longer has what it promised: ask `/card` again.
 * - `GET  /device/v1/sessions/{id}/identity`: a tar unpacked over the root: machine-id, hostname, SSH host keys, the device's own files; first-boot settings below
 *   `run/drover/first-boot`, in memory; credential.
 * - `GET  /device/v1/sessions/{id}/files`: a tar of the device's own files as they are now, with `run/drover/files/manifest`, a line `SHA256 MODE UID GID PATH` for each; it is in the
 *   tar of `/identity` too. Credential; 403 when the device has another assignment by now, 503 while the control plane is away.
 * - `GET  /device/v1/sessions/{id}/disks?known=&has=&busy=`: the data disks of the board ({@link DiskLine}), as soon as they are others than those of the
 *   version `known`, or after a minute at most, or when the server wants to know whether the board is there: whoever asks again at once follows them, and is
 *   there; credential. `files=` is the sha256 of the manifest of `/files`: another one is news, too. 503 while the server does not know.
 * - `POST /device/v1/sessions/{id}/reports?step=&state=&uptime=&message=`: one step; body (64 KiB at most) is a piece of log; credential, or the one-use secret
 *   (`Authorization: Secret <secret>`) for what happens before the exchange.
 * - `POST /device/v1/sessions/{id}/beat`: root mode `sd`: the board is there, and how it is: form body {@link BeatForm}; credential. Answers {@link BeatAnswer} as
 *   lines. 503 with Retry-After for one that comes too soon after the last.
 */
export const deviceApiBase = '/device/v1';

/** Kernel parameters of a network boot that our initramfs reads and the server renders. */
export const kernelParameters = {
  url: 'drover.url',
  session: 'drover.session',
  secret: 'drover.secret',
  mode: 'drover.mode',
  /** Sent to the DHCP server with the board's first request (option 12). */
  hostname: 'drover.hostname',
  /** UDP port of the server for what the kernel logs: netconsole is loaded as soon as the network is up. */
  logPort: 'drover.log-port',
} as const;

/** Characters that need no quoting in a POSIX shell assignment. */
export const deviceValue = z.string().regex(/^[A-Za-z0-9._:/@%+,=-]*$/);

export const BootForm = z.object({
  /** 32 hex digits of this boot, for this question only: the same may be asked again, since an answer can be lost. Not the nonce of the exchange. */
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  mac: Mac,
  /** Empty where the board has none. */
  serial: z.union([Serial, z.literal('')]).default(''),
  /** As the firmware calls the board: `Raspberry Pi 4 Model B Rev 1.4`. */
  model: z.string().max(128).default(''),
  /** `uname -r`. */
  release: z.string().min(1).max(128),
  /** Id or name of the device the card was made for. */
  device: z.string().min(1).max(64).optional(),
  /** `drover.boot` of the command line: which set of boot files runs. Absent on a card without sets. */
  boot: Sha256.optional(),
});
export type BootForm = z.infer<typeof BootForm>;

export const CardBoot = z.object({
  session: SessionId,
  secret: z.string().regex(/^[0-9a-f]{32}$/),
  mode: RootMode,
  hostname: deviceValue,
});
export type CardBoot = z.infer<typeof CardBoot>;

export const ExchangeForm = z.object({
  secret: z.string().regex(/^[0-9a-f]{32}$/),
  /** 32 hex digits the board chose for this boot: the same nonce may repeat the exchange, another one may not. */
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  mac: z.string().max(17).optional(),
  serial: z.string().max(16).optional(),
  release: z.string().max(128).optional(),
  /** MemTotal of /proc/meminfo, in KiB. */
  memory: z.coerce
    .number()
    .int()
    .min(1)
    .max(2 ** 40)
    .optional(),
  /** sha256 of roots that the card has, with commas. */
  known: z
    .string()
    .regex(/^([0-9a-f]{64}(,[0-9a-f]{64}){0,3})?$/)
    .transform((text) => text.split(',').filter((digest) => digest !== ''))
    .optional(),
});
export type ExchangeForm = z.infer<typeof ExchangeForm>;

const Granted = z.object({
  credential: z.string().regex(/^[0-9a-f]{32}\.[0-9a-f]{64}$/),
  hostname: deviceValue,
  time: z.number().int(),
  /** tmpfs size as mount(8) takes it: `50%` or `512m`. */
  overlaySize: deviceValue,
});

/** Root mode `ram`: the squashfs to download. */
const DownloadedRoot = Granted.extend({ mode: z.literal('ram'), rootSha256: Sha256, rootSize: z.number().int() });

/** Root mode `sd`: what the card is to hold is told by `/card`, signed. */
const CachedRoot = Granted.extend({ mode: z.literal('sd') });

/** Root modes on a network block device of the server, at the address the board calls it by. */
const AttachedRoot = Granted.extend({
  mode: z.enum(['nbd', 'stream']),
  nbdPort: z.number().int().min(1).max(65_535),
  /** Name of the export: a token that nobody can guess, of this device and session. */
  nbdExport: deviceValue,
  /** What the board appends to the name, behind a dot, to go on from another address than it began from. */
  nbdSecret: z.string().regex(/^[0-9a-f]{32}$/),
  /** Number of the root's partition; 0 when the export is the file system itself. */
  nbdPartition: z.number().int().min(0),
  nbdFs: z.enum(['ext2', 'ext3', 'ext4', 'squashfs']),
});

/** Root mode `nfs`: a directory of the board's own, at the address the board calls the server by, for the address that the board asked from. */
const MountedRoot = Granted.extend({
  mode: z.literal('nfs'),
  nfsPath: deviceValue.regex(/^\//),
  nfsPort: z.number().int().min(1).max(65_535),
  /** Of the MOUNT protocol (NFS version 3); 0: the port mapper knows. */
  nfsMountPort: z.number().int().min(0).max(65_535),
  /** Versions that the server speaks, the first to be tried first. */
  nfsVersions: z.enum(['3,4', '3', '4']),
});

export const ExchangeAnswer = z.discriminatedUnion('mode', [DownloadedRoot, CachedRoot, AttachedRoot, MountedRoot]);
export type ExchangeAnswer = z.infer<typeof ExchangeAnswer>;

/** Parameter on the command line of a set of boot files: which set it is. */
export const setParameter = 'drover.boot';

export const CardQuery = z.object({
  /** 32 hex digits the board chose for this question: an answer without it is an old one. */
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
});
export type CardQuery = z.infer<typeof CardQuery>;

/** What a self-updating card is to hold. The board believes it by its signature, `device` and `nonce`, and never goes back to a lower `version`. */
export const CardAnswer = z.object({
  card: z.literal(1),
  device: DeviceId,
  /** Grows when and only when anything below but `nonce` and `time` is another. */
  version: z.number().int(),
  nonce: z.string(),
  time: z.number().int(),
  hostname: deviceValue,
  overlaySize: deviceValue,
  /** `name:version`. */
  image: deviceValue,
  rootSha256: Sha256,
  rootSize: z.number().int(),
  /** Of the tar of the set. */
  bootSha256: Sha256,
  bootSize: z.number().int(),
  /** What the command line of the set has as `drover.boot`: a file cannot hold its own digest, so this is one of all that the set is made from. */
  bootId: Sha256,
  configSha256: Sha256,
  configSize: z.number().int(),
  /** Second line of the public key that answers will be signed with next. */
  nextKey: deviceValue.optional(),
  /** What makes the root of one that the card said it has, where the server has such a delta: docs/decisions/0014. These three together or none. */
  deltaFrom: Sha256.optional(),
  deltaSha256: Sha256.optional(),
  deltaSize: z.number().int().optional(),
});
export type CardAnswer = z.infer<typeof CardAnswer>;

/** Steps the device runtime reports, in order. */
export const bootSteps = [
  'start',
  'modules',
  'card',
  'network',
  'ask',
  'clock',
  'exchange',
  'signed',
  'config',
  'attach',
  'download',
  'verify',
  'update',
  'trial',
  'mount',
  'bootcode',
  'identity',
  'prepare',
  'switch',
  'up',
] as const;
export type BootStep = (typeof bootSteps)[number];

export const ReportQuery = z.object({
  step: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  state: z.enum(['start', 'progress', 'ok', 'failed', 'info']),
  uptime: z.coerce.number().min(0).max(1e9).optional(),
  message: z.string().max(1000).default(''),
  log: z.enum(['kernel', 'initramfs', 'root']).optional(),
});
export type ReportQuery = z.infer<typeof ReportQuery>;

/** What a board that runs says of itself from time to time. */
export const BeatForm = z.object({
  health: z.enum(beatHealths),
  /** Names of the checks that fail, with commas. */
  checks: z
    .string()
    .regex(/^([A-Za-z0-9._-]{1,64}(,[A-Za-z0-9._-]{1,64}){0,15})?$/)
    .default('')
    .transform((text) => text.split(',').filter((check) => check !== '')),
  /** Seconds. */
  uptime: z
    .string()
    .regex(/^[0-9]{1,9}$/)
    .transform(Number),
  /** `name:version` of the root that runs; empty where the board does not know. */
  image: deviceValue.max(255).default(''),
  root: z.union([Sha256, z.literal('')]).default(''),
  /** `yes`: it started from its card, without the server. */
  offline: z
    .enum(['yes', 'no'])
    .default('no')
    .transform((text) => text === 'yes'),
});
export type BeatForm = z.infer<typeof BeatForm>;

/** `every`: seconds until the next one, to which the board adds up to a third by chance. */
export const BeatAnswer = z.object({ every: z.number().int().min(1) });
export type BeatAnswer = z.infer<typeof BeatAnswer>;

const idList = z
  .string()
  .max(1000)
  .regex(/^[0-9A-Za-z_,]*$/)
  .default('')
  .transform((text) => text.split(',').filter((id) => id !== ''));

/** What a board says when it asks for its data disks. */
export const DisksQuery = z.object({
  /** Version of the list it has; empty: none. */
  known: z
    .string()
    .regex(/^[0-9a-f]{0,16}$/)
    .default(''),
  /** Ids of disks it has attached, with commas. */
  has: idList,
  /** Ids of disks it was asked to let go of and that are in use there. */
  busy: idList,
});
export type DisksQuery = z.infer<typeof DisksQuery>;

/**
 * The answer: `version`, `port` and `secret` (as nbdPort and nbdSecret of the exchange), and for each disk a line `disk=<id>:<name>:<rw|ro>:<keep|leave>:<export>`.
 * `leave`: unless it is in use, the board is to detach it, and to ask again. A disk that is not listed is not the board's any more.
 */
export const DiskLine = z.object({
  id: deviceValue,
  name: deviceValue,
  access: z.enum(['rw', 'ro']),
  state: z.enum(['keep', 'leave']),
  /** Name of the export. */
  export: deviceValue,
});
export type DiskLine = z.infer<typeof DiskLine>;

export const SessionPath = z.object({ id: SessionId });
