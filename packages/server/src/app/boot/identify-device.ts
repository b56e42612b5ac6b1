import { openedAtOf } from '../../domain/boot-credential.js';
import type { BootPlan, PlannedDevice } from '../../domain/boot-plan.js';
import type { DeviceRecord } from '../devices/ports.js';
import { needsPackedRoot } from '../../domain/root-place.js';
import { bootFilesOf } from '../images/derivatives.js';
import { packedRoot } from '../images/root-job.js';
import type { Store, Transaction } from '../store/ports.js';
import type { BootAnswer, KnownSession, SessionRecord, WireIdentity } from './ports.js';

/** Who a board is, as app/devices knows it. */
export type SeenBoard =
  | { readonly kind: 'device'; readonly device: DeviceRecord }
  | { readonly kind: 'stranger' }
  | { readonly kind: 'conflict'; readonly reason: string };

interface Deps {
  readonly store: Store;
  readonly registerSeen: (wire: WireIdentity) => Promise<SeenBoard>;
  /** Called for boards that will boot: what makes them themselves takes a moment to make. */
  readonly prepareSecrets: (device: string, hostname: string) => void;
  /** app/power: it asks, and has nothing to boot. */
  readonly onUnassigned: (device: DeviceRecord) => void;
}

export const createIdentifyDevice =
  ({ store, registerSeen, prepareSecrets, onUnassigned }: Deps) =>
  async (wire: WireIdentity): Promise<BootAnswer> => {
    const seen = await registerSeen(wire);
    if (seen.kind === 'stranger') return { kind: 'ignore', reason: 'no Raspberry Pi, and not registered' };
    if (seen.kind === 'conflict') return { kind: 'ignore', reason: seen.reason };
    const answer = await store.read(async (tx) => overNetwork(seen.device, await answerFor(tx, seen.device)));
    if (seen.device.assignment === null) onUnassigned(seen.device);
    if (answer.kind === 'boot') prepareSecrets(seen.device.id, seen.device.name);
    return answer;
  };

/**
 * A board whose root is on its card has boot files of its own there as well: those of the network know nothing of them. It may have no card, have one that does not start, or
 * ask the network before its card; then it goes on to its card when it gets no files.
 */
const overNetwork = (device: DeviceRecord, answer: KnownAnswer): KnownAnswer =>
  answer.kind === 'boot' && answer.plan.rootMode === 'sd'
    ? {
        ...{ kind: 'nothing', device: answer.device, session: answer.session },
        reason: `${device.name} is to run from its card (root mode sd), and asked the network`,
      }
    : answer;

type KnownAnswer = Exclude<BootAnswer, { kind: 'ignore' }>;

/** What a known device gets, from its card or over the network. */
export async function answerFor(tx: Transaction, device: DeviceRecord): Promise<KnownAnswer> {
  const plan = await planFor(tx, device);
  const session = knownSession(await tx.sessions.latestOf(device.id));
  const planned = plannedDevice(device);
  return plan.ok
    ? { kind: 'boot', device: planned, plan: plan.plan, session }
    : { kind: 'nothing', device: planned, reason: plan.reason, session };
}

export const plannedDevice = (device: DeviceRecord): PlannedDevice => ({
  id: device.id,
  hostname: device.name,
  tenant: device.tenant,
  site: device.site,
  model: device.model,
  firmware: device.firmware,
  mac: device.mac,
  bootPrefix: device.bootPrefix,
  serial: device.serial,
});

const knownSession = (session: SessionRecord | undefined): KnownSession | null => {
  const openedAt = session === undefined ? undefined : openedAtOf(session.id);
  if (session === undefined || openedAt === undefined) return null;
  const { id, generation, outcome, stage, exchangedAt } = session;
  return { id, openedAt, generation, outcome, stage, exchanged: exchangedAt !== null };
};

type Planned = { readonly ok: true; readonly plan: BootPlan } | { readonly ok: false; readonly reason: string };
const nothing = (reason: string): Planned => ({ ok: false, reason });

/**
 * What the device boots, or why nothing. The root itself may still be in the making: the board waits for it, with its kernel running. Boot tree and
 * initramfs must be there.
 */
export async function planFor(tx: Transaction, device: DeviceRecord): Promise<Planned> {
  const { assignment } = device;
  if (device.state === 'discovered') return nothing('it is not adopted');
  if (assignment === null) return nothing('no image is assigned to it');
  if (device.state !== 'in-use' && device.state !== 'preparing') {
    return nothing(device.stateReason ?? `it is ${device.state}`);
  }
  const files = bootFilesOf(await tx.images.derivatives(assignment.image));
  if (files === undefined) return nothing(`the boot files of ${assignment.imageName} are not ready yet`);
  const { generation, rootMode, kernelParameters, disk } = assignment;
  const image = rootMode === 'stream' ? await streamed(tx, assignment.image) : null;
  // A board cannot wait for it with its kernel running: what it may attach is fixed when its boot begins.
  if (rootMode === 'stream' && image === null) return nothing(`the root of ${assignment.imageName} is being made`);
  const disks = disk === null ? [] : [disk];
  const { tree } = files;
  const initramfs = rootMode === 'nfs' ? [...files.initramfs, ...files.nfs] : files.initramfs;
  return { ok: true, plan: { generation, tree, initramfs, rootMode, kernelParameters, image, disks } };
}

/** Digest of what boards read that stream an image; null while it is being made. */
async function streamed(tx: Transaction, id: string): Promise<string | null> {
  const image = await tx.images.get(id);
  if (!needsPackedRoot('stream', image?.facts ?? null)) return image?.digest ?? null;
  return (await packedRoot(tx, id))?.blob ?? null;
}
