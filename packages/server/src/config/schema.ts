import * as z from 'zod';
import { bakery } from './bakery.js';
import { buildSchedule } from './build-schedules.js';
import { consoles } from './consoles.js';
import { nfs } from './nfs.js';
import { powerDrivers } from './power-drivers.js';
import { tftpRule } from './tftp-rules.js';
import { Ipv4Address, Listen, MacText, Port, Size, TimeZone, whole } from './values.js';

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'is not a name of lower-case letters, digits and hyphens');
const url = z.url({ protocol: /^https?$/, error: 'is not an http:// or https:// URL' });

const http = z
  .strictObject({
    listen: z
      .array(Listen)
      .min(1)
      .default([{ host: '0.0.0.0', port: 8080 }])
      .describe('Addresses of the API for people and programs.'),
    publicUrl: url.optional().describe('How people reach the API from outside, where a proxy stands in front of it.'),
    trustProxy: z
      .boolean()
      .default(false)
      .describe('Take the caller’s address from X-Forwarded-For. Only behind a proxy that sets it.'),
    openMetrics: z
      .boolean()
      .default(false)
      .describe('Answer /metrics without a key. It counts devices, jobs and requests.'),
    dashboard: z
      .boolean()
      .default(true)
      .describe('Serve the dashboard under /ui/, where people log in with an API key.'),
    maxBodySize: Size.default(1024 * 1024).describe('Largest JSON body. Uploads of images have a limit of their own.'),
  })
  .prefault({});

const dhcp = z
  .strictObject({
    mode: z
      .enum(['proxy', 'full', 'off'])
      .default('proxy')
      .describe(
        'proxy: beside the DHCP server that is there, never handing out an address. full: the only DHCP server of an isolated segment. off: the network’s own server names us in option 66.',
      ),
    port: Port.default(67).describe('Port boards send DISCOVER to. Other than 67 only for tests.'),
    proxyPort: Port.default(4011).describe('Port of the PXE boot server exchange (EDK2 and iPXE ask it).'),
    clientPort: Port.default(68).describe('Port boards listen on. Other than 68 only for tests.'),
    delays: z
      .strictObject({
        rom: whole(0, 10_000)
          .default(1500)
          .describe(
            'Before answering the boot ROM of a Pi 3B, in milliseconds: it locks up on an answer that is too early.',
          ),
        bc: whole(0, 10_000).default(0).describe('Before answering bootcode.bin, in milliseconds.'),
        ee: whole(0, 10_000).default(0).describe('Before answering a Pi 4 or 5 (EEPROM), in milliseconds.'),
        other: whole(0, 10_000).default(0).describe('Before answering other machines, in milliseconds.'),
      })
      .prefault({}),
    relay: z.boolean().default(false).describe('Answer requests that a DHCP relay forwards.'),
    pool: z
      .strictObject({
        start: Ipv4Address.describe('First address handed out.'),
        end: Ipv4Address.describe('Last address handed out.'),
        leaseSeconds: whole(120, 31_536_000).default(3600).describe('How long a lease lasts, in seconds.'),
        router: Ipv4Address.optional().describe('Default gateway told to boards.'),
        dns: z.array(Ipv4Address).default([]).describe('Name servers told to boards.'),
        domain: z.string().max(253).optional().describe('Domain told to boards.'),
      })
      .optional()
      .describe('Addresses of mode full.'),
    static: z
      .array(z.strictObject({ mac: MacText, address: Ipv4Address }))
      .default([])
      .describe('Fixed addresses by MAC, in mode full.'),
  })
  .prefault({});

const tftp = z
  .strictObject({
    port: Port.default(69).describe('Port of TFTP. Other than 69 only for tests.'),
    singlePort: z
      .boolean()
      .default(false)
      .describe('Answer from the one port instead of a fresh one per transfer, where a firewall demands it.'),
    maxBlockSize: whole(512, 65_464)
      .default(1468)
      .describe('Largest block granted, in bytes. 1468 fills an Ethernet frame; less where a VPN or VLAN takes room.'),
    maxTransfersPerClient: whole(1, 10_000).default(64).describe('Transfers one address may have at once.'),
    rules: z
      .array(tftpRule)
      .max(256)
      .default([])
      .describe(
        'Paths that a file, an HTTP server or a program answers instead of a board’s boot files: the first rule that matches counts. See docs/how-to/tftp-rules.md.',
      ),
  })
  .prefault({});

const logs = z
  .strictObject({
    listen: z
      .array(Listen)
      .max(16)
      .default([])
      .describe(
        'UDP addresses where the logs of bootloaders (NETCONSOLE) and kernels (netconsole) are heard, as `0.0.0.0:6666`. None: they are not. See docs/how-to/early-logs.md.',
      ),
    kernel: z
      .boolean()
      .default(false)
      .describe(
        'Have the kernels of boards that boot over the network log to the port of the first of these addresses.',
      ),
  })
  .refine(({ listen, kernel }) => !kernel || listen.length > 0, {
    path: ['kernel'],
    message: 'needs an address in boot.logs.listen',
  })
  .prefault({});

const PemPath = z.string().startsWith('/', 'is not an absolute path');

const nbd = z
  .strictObject({
    listen: z
      .array(Listen)
      .min(1)
      .default([{ host: '0.0.0.0', port: 10_809 }])
      .describe('Addresses boards attach disks at (NBD). The port of the first is the one they are told.'),
    maxConnections: whole(1, 100_000).default(4096).describe('Connections of all boards at once.'),
    maxConnectionsPerAddress: whole(1, 10_000).default(64).describe('Connections one address may have at once.'),
    imageCache: Size.default(256 * 1024 ** 2).describe(
      'Memory for what boards read of images, so that a hundred that boot from one cost one read of it.',
    ),
    tls: z
      .strictObject({
        certificate: PemPath.describe('Certificate of the server, with those between it and its root, in PEM.'),
        key: PemPath.describe('Its private key in PEM.'),
        clientCa: PemPath.optional().describe('Only clients with a certificate of this authority may use TLS.'),
        required: z
          .boolean()
          .default(false)
          .describe('Refuse clients without TLS. Boards attach disks without: their kernels know no TLS.'),
      })
      .optional()
      .describe('TLS for clients of block devices that ask for it (NBD_OPT_STARTTLS). Unset: none is offered.'),
  })
  .prefault({});

const boot = z
  .strictObject({
    http: z
      .strictObject({
        listen: z
          .array(Listen)
          .min(1)
          .default([{ host: '0.0.0.0', port: 8081 }])
          .describe('Addresses boards fetch boot files and roots from.'),
        downloadRate: Size.refine((rate) => rate >= 64 * 1024, 'is less than 64KiB')
          .optional()
          .describe(
            'Bytes a second for what all boards download here together, shared evenly among those that download; `12MiB` is a line of 100 Mbit/s. Unset: no limit.',
          ),
        tls: z
          .strictObject({
            listen: z
              .array(Listen)
              .min(1)
              .default([{ host: '0.0.0.0', port: 8443 }])
              .describe('Addresses of the same for boards that come with TLS, beside those without.'),
            certificate: PemPath.describe(
              'Certificate of the server, with those between it and its root, in PEM. It names the addresses of the server (subjectAltName, IP).',
            ),
            key: PemPath.describe('Its private key in PEM.'),
          })
          .optional()
          .describe('TLS for self-updating cards that have the authority of the certificate (`--ca`). Unset: none.'),
      })
      .prefault({}),
    interfaces: z
      .union([z.literal('auto'), z.array(z.string().min(1)).min(1)])
      .default('auto')
      .describe(
        'Network interfaces (names or addresses) that boards are on; auto takes every one that is up. Followed while the server runs: a card that comes up later, or gets another address, is served within seconds.',
      ),
    serverAddress: Ipv4Address.optional().describe(
      'Address told to boards instead of that of the interface they were heard on.',
    ),
    dhcp,
    tftp,
    nbd,
    logs,
    offerUnknown: z
      .boolean()
      .default(true)
      .describe('Answer the DHCP of boards never seen before, so that they appear.'),
    autoAdopt: z
      .boolean()
      .default(false)
      .describe('Make boards available as soon as they appear, without `drover device adopt`.'),
    maxDiscovered: whole(0, 1_000_000)
      .default(1000)
      .describe('Most discovered boards kept; further ones are ignored until some are adopted or deleted.'),
    sessionTtlSeconds: whole(30, 86_400)
      .default(600)
      .describe('How long the one-use secret of a boot session is good for, in seconds.'),
    heartbeatSeconds: whole(30, 86_400)
      .default(300)
      .describe(
        'How often a board that keeps its root on its card tells how it is, in seconds; boards add up to a third by chance. After three times that it is silent.',
      ),
  })
  .prefault({});

const images = z
  .strictObject({
    importFrom: z
      .array(z.string().startsWith('/', 'is not an absolute path'))
      .default([])
      .describe('Folders on the server that `drover image import --path` may read.'),
    localUrls: z
      .boolean()
      .default(false)
      .describe('Let imports by URL reach this machine itself (loopback) and link-local addresses.'),
    maxSize: Size.default(64 * 1024 ** 3).describe('Largest image, uncompressed.'),
    maxUploadSize: Size.default(64 * 1024 ** 3).describe('Largest upload, as it comes.'),
    uploadTtlHours: whole(1, 8760)
      .default(24)
      .describe('An upload nobody goes on with is thrown away after so many hours.'),
  })
  .prefault({});

const helpers = z
  .strictObject({
    cacheDir: z
      .string()
      .optional()
      .describe(
        'Folder for what the network-boot initramfs is made from (busybox). Unset: `helpers` in the data folder.',
      ),
  })
  .prefault({});

const builds = z
  .strictObject({
    allow: z
      .enum(['admins', 'server', 'nobody'])
      .default('server')
      .describe(
        'Whose keys may have this server build: `server` admin keys of the installation, `admins` those of tenants too, `nobody` none. Whoever builds runs programs as the user of the server: see SECURITY.md. Schedules need no key.',
      ),
    recipes: z
      .string()
      .startsWith('/', 'is not an absolute path')
      .optional()
      .describe(
        'Folder with recipes of this server, each a folder with a recipe.yaml. Unset: those that come with Drover only.',
      ),
    cacheDir: z
      .string()
      .startsWith('/', 'is not an absolute path')
      .optional()
      .describe(
        'Folder for packages and layers, which can be deleted when nothing is built. Unset: `build-cache` in the data folder.',
      ),
    maxRecipeSize: Size.default(64 * 1024 ** 2).describe('Largest tar of a recipe, and all files in it together.'),
    concurrency: whole(1, 16).default(1).describe('Builds at once, within jobs.concurrency.'),
    timezone: TimeZone.default('UTC').describe('Time zone of the schedules, as Europe/Berlin.'),
    schedules: z
      .array(buildSchedule)
      .superRefine((schedules, context) => {
        schedules.forEach(({ name: each }, index) => {
          if (schedules.findIndex((other) => other.name === each) === index) return;
          context.addIssue({ code: 'custom', path: [index, 'name'], message: `says ${each} a second time` });
        });
      })
      .default([])
      .describe(
        'Builds by the clock: a list of `{ name, at, days, recipes, release, publish, keep }`. See docs/how-to/builds.md.',
      ),
  })
  .prefault({});

const power = z
  .strictObject({
    drivers: powerDrivers
      .default({})
      .describe(
        'Ways to switch boards on and off, by name: programs, HTTP, PoE ports of a switch, or a person. See docs/how-to/power.md.',
      )
      .meta({ kind: 'map of { kind, ... } by name', secret: true }),
    proveSeconds: whole(10, 3600)
      .default(180)
      .describe(
        'How long a board that was switched on may take until it is heard (DHCP, a boot, what it asks while it is up), and one that was switched off has to be silent. What is not proved then is told: power.failed.',
      ),
    offUnassigned: z
      .boolean()
      .default(false)
      .describe('Switch off boards that ask for something to boot and have no image.'),
  })
  .prefault({});

const provisioning = z
  .strictObject({
    releaseHook: z
      .strictObject({
        program: z
          .string()
          .startsWith('/', 'is not an absolute path')
          .optional()
          .describe(
            'Program that is run before a device is released, with a JSON object about it on standard input. Any exit code but 0 stops the release. Unset: none.',
          ),
        timeoutSeconds: whole(1, 3600).default(60).describe('How long it may take.'),
      })
      .prefault({}),
  })
  .prefault({});

const retention = z
  .strictObject({
    sessionsDays: whole(1, 36_500).default(30).describe('Boot sessions and their timelines, in days.'),
    eventsDays: whole(1, 36_500).default(90).describe('The event log, in days.'),
    jobsDays: whole(1, 36_500).default(30).describe('Ended jobs, in days.'),
    auditDays: whole(1, 36_500).default(365).describe('The audit trail, in days.'),
  })
  .prefault({});

const noDatabase = 'is neither sqlite nor a URL like postgres://user:password@host/database';

/** Every setting with its default and what it means. Plain numbers carry their unit in the name. */
export const SettingsSchema = z.strictObject({
  dataDir: z
    .string()
    .startsWith('/', 'is not an absolute path')
    .optional()
    .describe('The one folder Drover writes to. Unset: `/var/lib/drover` as root, `~/.local/share/drover` otherwise.'),
  site: name.default('default').describe('Name of the network segment this server stands in.'),
  database: z
    .union([z.literal('sqlite'), z.string().regex(/^postgres(ql)?:\/\/\S+$/, noDatabase)], { error: noDatabase })
    .default('sqlite')
    .describe(
      '`sqlite` keeps everything in the data folder; `postgres://user:password@host/database` uses a PostgreSQL, one for each server: images stay in the data folder.',
    )
    .meta({ secret: true }),
  log: z
    .strictObject({
      level: z
        .enum(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('Least level that is written.'),
      format: z
        .enum(['auto', 'json', 'pretty'])
        .default('auto')
        .describe('json: a line of JSON each, on standard output. auto: pretty on a terminal, json otherwise.'),
    })
    .prefault({}),
  http,
  boot,
  images,
  helpers,
  builds,
  nfs,
  power,
  consoles,
  provisioning,
  bakery,
  jobs: z
    .strictObject({
      concurrency: whole(1, 64).default(2).describe('Jobs (imports, making roots) at work at once.'),
    })
    .prefault({}),
  retention,
  demo: z
    .strictObject({
      enabled: z
        .boolean()
        .default(false)
        .describe(
          'Let everybody in with the key `deadbeef`, to read and download the images of the tenant `demo` and nothing else.',
        ),
    })
    .prefault({}),
});

type Parsed = z.output<typeof SettingsSchema>;
/** The settings as the server uses them: paths absolute, every default filled in. Plain data: it travels to the planes as JSON. */
export type Settings = Omit<Parsed, 'dataDir' | 'helpers' | 'builds' | 'nfs'> & {
  dataDir: string;
  helpers: { cacheDir: string };
  builds: Parsed['builds'] & { cacheDir: string };
  nfs: Parsed['nfs'] & { folder: string };
};
