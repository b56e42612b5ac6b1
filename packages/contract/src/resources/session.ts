import * as z from 'zod';
import { BootPrefix, DeviceId, Mac, Model, SessionId, Timestamp } from '../primitives.js';
import { FirmwareKind } from './device.js';

/** How far a boot came, in order. `failed`: the board said so. `lost`: it went silent. `revoked`: its secret was used twice, or by somebody who is not the board. */
export const sessionStages = ['dhcp', 'firmware', 'kernel', 'initramfs', 'root', 'up'] as const;
export const SessionStage = z.enum(sessionStages);
export type SessionStage = z.infer<typeof SessionStage>;
export const sessionOutcomes = ['running', 'up', 'failed', 'lost', 'superseded', 'revoked'] as const;
export const SessionOutcome = z.enum(sessionOutcomes);
export type SessionOutcome = z.infer<typeof SessionOutcome>;

/** A plain verdict: which fault of the catalogue, in words, and what to do. */
export const Verdict = z.object({ fault: z.string(), message: z.string(), remedy: z.string() });
export type Verdict = z.infer<typeof Verdict>;

export const BootSession = z.object({
  id: SessionId,
  device: DeviceId,
  stage: SessionStage,
  outcome: SessionOutcome,
  verdict: Verdict.nullable(),
  firmware: FirmwareKind,
  model: Model,
  mac: Mac.nullable(),
  bootPrefix: BootPrefix.nullable(),
  address: z.string().nullable(),
  generation: z.number().int().nullable(),
  startedAt: Timestamp,
  upAt: Timestamp.nullable(),
  endedAt: Timestamp.nullable(),
  /** Bytes served to this session. */
  bytes: z.number().int(),
});
export type BootSession = z.infer<typeof BootSession>;

const at = { at: Timestamp };
const transfer = {
  path: z.string(),
  bytes: z.number().int(),
  ms: z.number(),
  outcome: z.enum(['complete', 'absent', 'refused', 'probe', 'aborted', 'timed-out', 'failed']),
  detail: z.string().optional(),
};

/** One entry of a session's timeline: boot telemetry, never the truth about state. */
export const TimelineEntry = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('dhcp.discover'),
    ...at,
    mac: Mac,
    firmware: FirmwareKind,
    interface: z.string(),
    relay: z.string().optional(),
  }),
  z.object({ type: z.literal('dhcp.request'), ...at, mac: Mac, interface: z.string(), address: z.string().optional() }),
  z.object({ type: z.literal('dhcp.offer'), ...at, mac: Mac, server: z.string(), delayMs: z.number() }),
  z.object({ type: z.literal('dhcp.ignored'), ...at, mac: Mac, reason: z.string() }),
  z.object({ type: z.literal('dhcp.rival'), ...at, mac: Mac, server: z.string(), options: z.array(z.number().int()) }),
  z.object({
    type: z.literal('tftp.file'),
    ...at,
    ...transfer,
    blockSize: z.number().int(),
    windowSize: z.number().int(),
    retransmits: z.number().int(),
  }),
  z.object({ type: z.literal('http.file'), ...at, ...transfer }),
  z.object({ type: z.literal('root.download'), ...at, ...transfer }),
  z.object({ type: z.literal('disk.attached'), ...at, disk: z.string(), address: z.string(), readOnly: z.boolean() }),
  z.object({
    type: z.literal('disk.grown'),
    ...at,
    disk: z.string(),
    partition: z.number().int(),
    /** Bytes of the partition. */
    before: z.number().int(),
    after: z.number().int(),
  }),
  /** The disk became larger than what its partitions use, and stays so. */
  z.object({
    type: z.literal('disk.not-grown'),
    ...at,
    disk: z.string(),
    partition: z.number().int(),
    reason: z.string(),
  }),
  z.object({
    /** The board's system has another address now, and its directories are exported there. */
    type: z.literal('nfs.moved'),
    ...at,
    from: z.string(),
    to: z.string(),
  }),
  z.object({
    /** Somebody with the board's hardware address asked for another address, while the board answers at the one it had: what it may mount stays there. */
    type: z.literal('nfs.refused'),
    ...at,
    from: z.string(),
    to: z.string(),
  }),
  z.object({
    type: z.literal('disk.detached'),
    ...at,
    disk: z.string(),
    address: z.string(),
    readBytes: z.number().int(),
    writtenBytes: z.number().int(),
    ms: z.number(),
    /** `disconnect`: the board said so. `lost`: the connection went without a word. `cut-off`, `ended`: by us, for the reason in `detail`. */
    by: z.enum(['disconnect', 'lost', 'cut-off', 'ended']),
    detail: z.string().optional(),
  }),
  z.object({
    /** Whose boot files the board gets, once they were read: the image's, as its disk has no others or they cannot be read, or those of its disk. */
    type: z.literal('boot.files'),
    ...at,
    disk: z.string(),
    from: z.enum(['image', 'disk']),
    /** Files the disk has anew, and their bytes. */
    files: z.number().int(),
    bytes: z.number().int(),
    ms: z.number(),
    /** What a person should know: what cannot be read, and what is done instead. */
    warnings: z.array(z.string().max(1000)).max(20),
  }),
  z.object({
    /** A board whose kernel came from a card asked what to boot. `reason`: what it waits for, or why it is refused. */
    type: z.literal('card.asked'),
    ...at,
    outcome: z.enum(['booting', 'waiting', 'refused']),
    address: z.string(),
    /** As `uname -r` says. */
    release: z.string().max(128),
    reason: z.string().max(1000).optional(),
  }),
  z.object({
    type: z.literal('exchange'),
    ...at,
    /** `impostor`: somebody asked in the name of a board that is up at another boot; on the timelines of both. */
    outcome: z.enum(['granted', 'repeated', 'expired', 'used-twice', 'wrong', 'not-ready', 'impostor']),
    address: z.string(),
    /** Of an `impostor`: the other one of the two, and whether that is the board that is up. */
    other: z.object({ session: SessionId, address: z.string(), isUp: z.boolean() }).optional(),
  }),
  z.object({
    type: z.literal('report'),
    ...at,
    step: z.string().max(64),
    state: z.enum(['start', 'progress', 'ok', 'failed', 'info']),
    message: z.string().max(1000),
    /** Seconds since the kernel started, as the board says. */
    uptime: z.number().optional(),
  }),
  z.object({
    type: z.literal('log'),
    ...at,
    /** `bootloader`, `netconsole`: heard by datagrams, which anybody can send. The others the board sent with its credential. */
    source: z.enum(['kernel', 'initramfs', 'root', 'bootloader', 'netconsole']),
    text: z.string().max(64 * 1024),
  }),
  z.object({ type: z.literal('session.opened'), ...at, generation: z.number().int().nullable() }),
  z.object({ type: z.literal('session.ended'), ...at, outcome: SessionOutcome, verdict: Verdict.nullable() }),
]);
export type TimelineEntry = z.infer<typeof TimelineEntry>;

/** A timeline entry as stored: `seq` counts from 1 within the session. */
export const TimelineItem = z.object({ seq: z.number().int(), entry: TimelineEntry });
export type TimelineItem = z.infer<typeof TimelineItem>;

/** One message of the live timelines: an item, and whose it is. A repeated (session, seq) is the same item again. */
export const TimelineMessage = TimelineItem.extend({ session: SessionId, device: DeviceId });
export type TimelineMessage = z.infer<typeof TimelineMessage>;
