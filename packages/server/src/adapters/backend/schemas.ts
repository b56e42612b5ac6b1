import * as z from 'zod';
import {
  BootPrefix,
  DeviceId,
  FirmwareKind,
  Mac,
  Model,
  Name,
  SessionId,
  Sha256,
  TimelineEntry,
  Timestamp,
  beatHealths,
  type Refusal,
} from '@drover/contract';
import type { DiskOrderResult } from '../../app/disks/orders.js';

/** Bodies of the calls from the boot plane, checked where they arrive: the boot plane stands in the network, and what it passes on came from there. */

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const Address = z.string().max(64);
const Milliseconds = z.number().int().min(0);

const WireIdentity = z.strictObject({
  site: Name,
  mac: Mac.optional(),
  bootPrefix: BootPrefix.optional(),
  firmware: FirmwareKind,
  model: Model.optional(),
  modelName: z.string().max(128).optional(),
  address: Address.optional(),
  architecture: z.number().int().min(0).max(0xffff).optional(),
  isPi: z.boolean(),
});

const SessionOpened = z.strictObject({
  id: SessionId,
  device: DeviceId,
  wire: WireIdentity,
  generation: z.number().int().nullable(),
  openedAt: Milliseconds,
});

const CardRequest = z.strictObject({
  wire: WireIdentity,
  key: z.string().min(1).max(256).optional(),
  device: z.string().min(1).max(64).optional(),
  release: z.string().min(1).max(128),
  boot: Sha256.optional(),
});

const Known = z.array(Sha256).max(4);

const CardQuestion = z.strictObject({ session: SessionId, nonce: hex(32), known: Known.optional() });

const ExchangeRequest = z.strictObject({
  session: SessionId,
  secret: hex(32),
  nonce: hex(32),
  address: Address,
  mac: z.string().max(17).optional(),
  serial: z.string().max(16).optional(),
  memory: z.number().int().min(1).optional(),
  release: z.string().max(128).optional(),
  known: Known.optional(),
  opened: SessionOpened.optional(),
});

const Beat = z.strictObject({
  health: z.enum(beatHealths),
  checks: z.array(z.string().max(64)).max(16),
  uptimeSeconds: z.number().int().min(0),
  image: z.string().max(255).nullable(),
  root: Sha256.nullable(),
  offline: z.boolean(),
});

const Telemetry = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('opened'), opened: SessionOpened }),
  z.strictObject({
    kind: z.literal('entry'),
    session: SessionId,
    device: DeviceId.nullable(),
    entry: TimelineEntry,
  }),
  z.strictObject({ kind: z.literal('beat'), session: SessionId, at: Timestamp, beat: Beat }),
  z.strictObject({ kind: z.literal('heard'), session: SessionId, at: Timestamp }),
]);

/** An item that is not valid is left out: one board's nonsense must not cost the others their timelines. */
const TelemetryBatch = z
  .array(z.unknown())
  .max(1000)
  .transform((items) =>
    items.flatMap((item) => {
      const parsed = Telemetry.safeParse(item);
      return parsed.success ? [parsed.data] : [];
    }),
  );

const StoredLease = z.strictObject({
  site: Name,
  clientId: z.string().min(1).max(600),
  mac: z.string().max(64),
  address: Address,
  expiresAt: z.number(),
  state: z.enum(['offered', 'bound', 'declined', 'released']),
});

/** Who reports is the other plane of this server, and the job behind the order reads what it needs. */
const DiskOrderReport = z.discriminatedUnion('state', [
  z.object({ order: z.string().max(64), state: z.literal('running'), done: z.number(), total: z.number().nullable() }),
  z.object({
    order: z.string().max(64),
    state: z.literal('done'),
    result: z.custom<DiskOrderResult>((value) => typeof value === 'object' && value !== null),
  }),
  z.object({
    order: z.string().max(64),
    state: z.literal('refused'),
    refusal: z.custom<Refusal>((value) => typeof value === 'object' && value !== null && 'code' in value),
  }),
]);

/** Arguments of each method, as a list. */
export const argumentSchemas = {
  bootKey: z.tuple([]),
  identify: z.tuple([WireIdentity]),
  admitCard: z.tuple([CardRequest]),
  tree: z.tuple([Sha256]),
  attachments: z.tuple([DeviceId]),
  filesDigest: z.tuple([DeviceId]),
  files: z.tuple([SessionId]),
  exchange: z.tuple([ExchangeRequest]),
  cardAnswer: z.tuple([CardQuestion]),
  cardPromise: z.tuple([SessionId]),
  cardConfig: z.tuple([SessionId, Sha256]),
  telemetry: z.tuple([z.string().min(1).max(128), TelemetryBatch]),
  leases: z.tuple([Name]),
  saveLease: z.tuple([StoredLease]),
  diskOrders: z.tuple([z.array(z.string().max(64)).max(10_000), z.array(DiskOrderReport).max(10_000)]),
} as const;

export type BackendMethod = keyof typeof argumentSchemas;
export const isBackendMethod = (name: string): name is BackendMethod => Object.hasOwn(argumentSchemas, name);

/** Path of a method on the socket. */
export const methodPath = (method: BackendMethod): string => `/backend/${method}`;
