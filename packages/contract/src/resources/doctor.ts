import * as z from 'zod';
import { Mac, Model, Timestamp } from '../primitives.js';
import { Verdict } from './session.js';

/**
 * The network doctor: what was seen on a network (observations), what is wrong with it (findings) and what was looked for (checks). `drover doctor` and
 * `GET /doctor` speak the same words, so that a dashboard and a terminal say the same.
 */

/** Boards that the doctor plays have hardware addresses below this: locally administered, no vendor's. The server answers them and does not keep them. */
export const doctorMacPrefix = '02:d0:c7:';
export const isDoctorMac = (mac: string): boolean => mac.startsWith(doctorMacPrefix);

/** A file that every Drover serves over TFTP, to whoever asks: `size` zero bytes, so that a path can be tried with blocks of any size. */
export const doctorProbeFile = { path: 'drover-doctor/probe', size: 16_384 } as const;

/** Which of the firmware's DHCP clients asked: see the wire reference, section 1. */
export const DoctorClient = z.enum(['rom', 'rom-fixed', 'ee']);
export type DoctorClient = z.infer<typeof DoctorClient>;

const Port = z.number().int().min(0).max(65_535);
const seen = {
  at: Timestamp,
  /** Who saw it, in words: `DHCP on eth0`, `the server`. */
  by: z.string(),
};

/** How a question over TCP, HTTP or UDP ended. `refused`: the port is closed. `silent`: nothing came back. `wrong`: something else answers there. */
export const ProbeOutcome = z.enum(['ok', 'refused', 'silent', 'wrong']);
export type ProbeOutcome = z.infer<typeof ProbeOutcome>;

const ServedInterface = z.object({ name: z.string(), address: z.string(), netmask: z.string() });

/** One thing that was seen. Kinds are stable; a reader skips those it does not know. */
export const Observation = z.discriminatedUnion('kind', [
  /** The machine it was looked from, and its IPv4 addresses. */
  z.object({ kind: z.literal('host'), ...seen, addresses: z.array(z.string()) }),
  /** Boards were played that ask for an address, as long as `seconds`. */
  z.object({
    kind: z.literal('dhcp.asked'),
    ...seen,
    interface: z.string(),
    address: z.string(),
    netmask: z.string(),
    clients: z.array(DoctorClient),
    seconds: z.number(),
  }),
  z.object({
    kind: z.literal('dhcp.offer'),
    ...seen,
    client: DoctorClient,
    /** Option 54, or where it came from without one. */
    server: z.string(),
    /** Address offered; null in an answer that only says where to boot from. */
    address: z.string().nullable(),
    netmask: z.string().nullable(),
    router: z.string().nullable(),
    /** Of options 43, 60, 66 and 67, those it has. */
    bootOptions: z.array(z.number().int()),
    /** Option 66 in words; null without, or where it holds no text. */
    tftpServer: z.string().nullable(),
    /** Option 67 or the BOOTP file. */
    bootFile: z.string().nullable(),
    /** Has the boot menu that a Raspberry Pi looks for, and echoes its option 97. */
    menu: z.boolean(),
    /** giaddr. */
    relay: z.string().nullable(),
  }),
  /** A board or another machine asked for an address and was overheard. */
  z.object({
    kind: z.literal('dhcp.heard'),
    ...seen,
    interface: z.string(),
    mac: Mac,
    /** It says it is a PXE client, as every Raspberry Pi's firmware does. */
    boots: z.boolean(),
    relay: z.string().nullable(),
  }),
  z.object({
    kind: z.literal('bpdu'),
    ...seen,
    interface: z.string(),
    protocol: z.enum(['stp', 'rstp', 'mstp', 'pvst']),
    /** Hardware address of the switch port that sent it. */
    from: Mac,
  }),
  z.object({
    kind: z.literal('link'),
    ...seen,
    interface: z.string(),
    up: z.boolean(),
    /** A cable with something at its other end. */
    carrier: z.boolean(),
    mtu: z.number().int(),
  }),
  /** ARP answers for one address, from these hardware addresses. */
  z.object({ kind: z.literal('arp'), ...seen, interface: z.string(), address: z.string(), macs: z.array(Mac) }),
  z.object({
    kind: z.literal('tftp.read'),
    ...seen,
    server: z.string(),
    port: Port,
    path: z.string(),
    /** Block size asked for; 512 without the option. */
    blockSize: z.number().int(),
    /** `silent`: nothing came back. `stalled`: options were agreed or blocks came, then nothing more. */
    outcome: z.enum(['ok', 'not-found', 'refused', 'silent', 'stalled', 'closed']),
    bytes: z.number().int(),
    message: z.string().optional(),
  }),
  z.object({
    kind: z.literal('http'),
    ...seen,
    service: z.enum(['api', 'boot']),
    url: z.string(),
    outcome: ProbeOutcome,
    detail: z.string().optional(),
  }),
  z.object({
    kind: z.literal('service'),
    ...seen,
    service: z.enum(['nbd', 'nfs']),
    address: z.string(),
    port: Port,
    outcome: ProbeOutcome,
    detail: z.string().optional(),
  }),
  /** A server's clock beside ours; `skewMs` above 0: the server is ahead. */
  z.object({
    kind: z.literal('clock'),
    ...seen,
    url: z.string(),
    server: Timestamp,
    here: Timestamp,
    skewMs: z.number(),
  }),
  z.object({
    kind: z.literal('port'),
    ...seen,
    protocol: z.enum(['udp', 'tcp']),
    port: Port,
    /** `ours`: Drover holds it. `held`: another program does. `denied`: this user may not open it. */
    state: z.enum(['free', 'ours', 'held', 'denied']),
    holder: z.string().nullable(),
  }),
  /** A rule of this machine's firewall that drops what boards need. A hint: rules depend on each other. */
  z.object({ kind: z.literal('firewall'), ...seen, tool: z.string(), rule: z.string() }),
  /** The server about itself. */
  z.object({
    kind: z.literal('server'),
    ...seen,
    version: z.string(),
    dhcpMode: z.enum(['proxy', 'full', 'off']),
    relay: z.boolean(),
    interfaces: z.array(ServedInterface),
    /** Interfaces of its machine with an address that are not served. */
    unserved: z.array(ServedInterface),
    /** Address told to boards instead of the interface's. */
    serverAddress: z.string().nullable(),
    ports: z.object({ dhcp: Port, tftp: Port, http: Port, nbd: Port, nfs: Port.nullable() }),
    tftpMaxBlockSize: z.number().int(),
    bootPlaneReady: z.boolean(),
  }),
  /** An address the server wants to serve boards at and cannot. */
  z.object({ kind: z.literal('server.refused'), ...seen, address: z.string(), reason: z.string() }),
  /** Another server's answer with boot options, overheard by the server. */
  z.object({
    kind: z.literal('server.rival'),
    ...seen,
    server: z.string(),
    bootOptions: z.array(z.number().int()),
    tftpServer: z.string().nullable(),
    bootFile: z.string().nullable(),
  }),
  /** Two boards that show one identity. */
  z.object({ kind: z.literal('server.conflict'), ...seen, reason: z.string() }),
  /** A file of an image that boards read over TFTP. */
  z.object({ kind: z.literal('server.file'), ...seen, image: z.string(), path: z.string(), bytes: z.number().int() }),
  /** A board was played from power-on to up. */
  z.object({
    kind: z.literal('simulation'),
    ...seen,
    model: Model,
    outcome: z.enum(['up', 'failed']),
    /** The first step that did not work: `dhcp`, `config`, `kernel`, `exchange`. */
    step: z.string().nullable(),
    message: z.string(),
    /** What the server makes of that boot. */
    verdict: Verdict.nullable(),
  }),
]);
export type Observation = z.infer<typeof Observation>;
export type ObservationKind = Observation['kind'];

/** `error`: boards do not boot. `warning`: some do not, or not always. */
export const Severity = z.enum(['error', 'warning']);
export type Severity = z.infer<typeof Severity>;

export const Finding = z.object({
  /** As verdicts of boot sessions call the same fault: see docs/troubleshooting.md. */
  fault: z.string(),
  severity: Severity,
  message: z.string(),
  remedy: z.string(),
  /** What it is concluded from, a line each. */
  evidence: z.array(z.string()),
});
export type Finding = z.infer<typeof Finding>;

/** Something that was looked for. `reason`: why it could not be. */
export const Check = z.object({
  name: z.string(),
  title: z.string(),
  outcome: z.enum(['done', 'skipped']),
  reason: z.string().nullable(),
});
export type Check = z.infer<typeof Check>;

export const DoctorReport = z.object({
  startedAt: Timestamp,
  endedAt: Timestamp,
  /** Where it was looked from: the name of the machine. */
  host: z.string(),
  /** URL of the Drover it is about; null: none was asked. */
  server: z.string().nullable(),
  /** Nothing was found; checks that were skipped may still hide something. */
  healthy: z.boolean(),
  findings: z.array(Finding),
  checks: z.array(Check),
  observations: z.array(Observation),
});
export type DoctorReport = z.infer<typeof DoctorReport>;
