import type { Assignment, TimelineEntry } from '@drover/contract';
import { credentialOf, isSecret, nonceHash } from '../../domain/boot-credential.js';
import { firstBootFiles } from '../../domain/first-boot-files.js';
import { identityFiles, identityTar } from '../../domain/identity-tar.js';
import { needsPackedRoot, packedPlace, rootPlace } from '../../domain/root-place.js';
import type { DeviceRecord, DeviceSecrets } from '../devices/ports.js';
import { usableBootSet } from '../images/boot-set-job.js';
import type { ImageRecord } from '../images/ports.js';
import { packedRoot } from '../images/root-job.js';
import type { Clock, Log } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { manifestOf, type FilesOfDevices } from './device-files.js';
import type { DeviceSecretsMaker } from './device-secrets.js';
import type { ExchangeRequest, ExchangeResult, GrantedRoot, TimelineFeed } from './ports.js';
import type { Published, Timelines } from './timelines.js';

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly bootKey: () => Promise<string>;
  readonly timelines: Timelines;
  readonly feed: TimelineFeed;
  readonly secrets: DeviceSecretsMaker;
  /** The board told its whole serial; false when another board has it. */
  readonly learnSerial: (device: string, serial: string) => Promise<boolean>;
  /** It told its memory, in KiB. */
  readonly learnMemory: (device: string, memoryKiB: number) => Promise<void>;
  /** The board runs what it is assigned now: what earlier assignments left may go. */
  readonly retire: (tx: Transaction, device: string, disk: string | null) => Promise<void>;
  readonly files: Pick<FilesOfDevices, 'of'>;
  /** app/images: has the boot files for cards made, where they are not as they should be. */
  readonly ensureBootSet: (tx: Transaction, image: ImageRecord) => Promise<unknown>;
}

type ExchangeEntry = Extract<TimelineEntry, { type: 'exchange' }>;
type Refused = Extract<ExchangeResult, { kind: 'refused' }>['reason'];

/** How long a board waits before it asks again for a root that is being made, in seconds. */
const rootRetrySeconds = 5;
/** A waiting board shows on its timeline once in this time, which also keeps it from counting as lost. */
const waitingEntryMs = 60_000;
/** tmpfs for what the running system writes, as mount(8) takes it. */
export const overlaySize = '50%';

/**
 * Turns the one-use secret of a session into a credential. The first nonce that comes with the secret owns the session; the board may repeat it, because an
 * answer can be lost. Any other nonce means that somebody else has the secret too: the session is revoked for both.
 */
export function createExchange(deps: Deps): (request: ExchangeRequest) => Promise<ExchangeResult> {
  const { store, clock } = deps;
  const waitingSince = new Map<string, number>();

  /** Not each of a waiting board's questions is news. */
  const isNews = (session: string): boolean => {
    const now = clock.now();
    if (now - (waitingSince.get(session) ?? -Infinity) < waitingEntryMs) return false;
    waitingSince.delete(session);
    waitingSince.set(session, now);
    if (waitingSince.size > 10_000) waitingSince.delete(waitingSince.keys().next().value!);
    return true;
  };

  /** The device whose keys must be there before the transaction: making them takes a while. */
  const prepareSecrets = async (request: ExchangeRequest): Promise<DeviceSecrets | undefined> => {
    const device = await store.read(async (tx) => {
      const id = (await tx.sessions.get(request.session))?.device ?? request.opened?.device;
      return id === undefined ? undefined : tx.devices.get(id);
    });
    return device?.assignment == null ? undefined : deps.secrets.ensure(device.id, device.name);
  };

  return async (request) => {
    const key = await deps.bootKey();
    if (!isSecret(key, request.session, request.secret)) return { kind: 'refused', reason: 'wrong' };
    const secrets = await prepareSecrets(request);
    const { result, published, device } = await store.transaction((tx) =>
      decide(deps, tx, request, key, secrets, isNews),
    );
    for (const told of published) deps.feed.publish(told.session, told.device, told.tenant, told.items);
    if (device !== undefined) await learn(deps, device, request);
    return result;
  };
}

/** What a board tells of itself, once it has proved itself. A boot does not end for it. */
async function learn(deps: Deps, device: string, { serial, memory }: ExchangeRequest): Promise<void> {
  try {
    if (serial !== undefined && /^[0-9a-f]{16}$/.test(serial)) await deps.learnSerial(device, serial);
    if (memory !== undefined) await deps.learnMemory(device, memory);
  } catch (error) {
    deps.log.error({ err: error, device }, 'what a board told of itself could not be noted');
  }
}

interface Decided {
  readonly result: ExchangeResult;
  readonly published: readonly Published[];
  /** Set when the board proved itself. */
  readonly device?: string;
}

async function decide(
  deps: Deps,
  tx: Transaction,
  request: ExchangeRequest,
  key: string,
  secrets: DeviceSecrets | undefined,
  isNews: (session: string) => boolean,
): Promise<Decided> {
  const opened = request.opened === undefined ? [] : await deps.timelines.open(tx, request.opened);
  const session = await tx.sessions.getForUpdate(request.session);
  if (session === undefined) return refuse('wrong', opened);
  const note = async (outcome: ExchangeEntry['outcome']): Promise<Published[]> => {
    const at = new Date(deps.clock.now()).toISOString();
    const entry: ExchangeEntry = { type: 'exchange', at, outcome, address: request.address };
    return [...opened, ...(await deps.timelines.append(tx, session, [entry]))];
  };

  const hash = nonceHash(request.nonce);
  if (session.outcome === 'revoked') return refuse('revoked', opened);
  if (session.nonceHash !== null && session.nonceHash !== hash) return refuse('used-twice', await note('used-twice'));
  const isFirst = session.nonceHash === null;
  if (isFirst && deps.clock.now() > session.secretExpiresAt) return refuse('expired', await note('expired'));
  // A boot plane that does not know the session cannot tell whether its board has gone on to another boot.
  const isLatest = async (): Promise<boolean> => (await tx.sessions.latestOf(session.device))?.id === session.id;
  if (request.opened === undefined && !(await isLatest())) return refuse('over', opened);
  if (isFirst) {
    await tx.sessions.update(session.id, { nonceHash: hash, exchangedAt: new Date(deps.clock.now()).toISOString() });
  }
  const device = await tx.devices.get(session.device);
  if (device?.assignment == null || device.assignment.generation !== session.generation) {
    return refuse('no-assignment', opened);
  }
  const ready = await grant(deps, tx, device, secrets, credentialOf(key, session.id, request.nonce));
  if (ready.kind === 'not-ready') {
    return { result: ready, published: isNews(session.id) ? await note('not-ready') : opened, device: device.id };
  }
  await deps.retire(tx, device.id, device.assignment.disk);
  return {
    result: ready,
    published: await note(isFirst ? 'granted' : 'repeated'),
    device: device.id,
  };
}

const refuse = (reason: Refused, published: readonly Published[]): Decided => ({
  result: { kind: 'refused', reason },
  published,
});

async function grant(
  deps: Deps,
  tx: Transaction,
  device: DeviceRecord,
  secrets: DeviceSecrets | undefined,
  credential: string,
): Promise<Extract<ExchangeResult, { kind: 'granted' | 'not-ready' }>> {
  const { assignment } = device;
  if (assignment === null) return notReady('no image is assigned');
  const root = await findRoot(deps, tx, assignment);
  if (typeof root === 'string') return notReady(root);
  if (secrets === undefined) return notReady('the host keys of this board are being made');
  const own = await deps.files.of(tx, device.id);
  const firstBoot = (await tx.firstBoots.get(device.id))?.settings;
  const hostname = firstBoot?.hostname ?? device.name;
  const owner = { device: device.id, generation: assignment.generation, name: device.name };
  const files = firstBoot === undefined ? [] : firstBootFiles(firstBoot, owner);
  const identity = identityTar([...identityFiles({ hostname, ...secrets }), ...files, manifestOf(own)], own);
  return {
    kind: 'granted',
    credential,
    hostname,
    root,
    identityTar: identity.toString('base64'),
    overlaySize,
  };
}

/** Where the root is, or what it waits for. */
async function findRoot(deps: Deps, tx: Transaction, assignment: Assignment): Promise<GrantedRoot | string> {
  const { rootMode, image, imageName } = assignment;
  if (rootMode === 'nbd') return findDisk(tx, assignment);
  if (rootMode === 'nfs') return findDirectory(tx, assignment);
  if (rootMode === 'sd') return findCardRoot(deps, tx, assignment);
  const facts = (await tx.images.get(image))?.facts ?? null;
  if (rootMode === 'stream' && !needsPackedRoot(rootMode, facts)) {
    const place = rootPlace(facts);
    return place === undefined ? gone(imageName) : { mode: rootMode, what: 'image', ...place };
  }
  const packed = await packedRoot(tx, image);
  if (packed === undefined) return `the root of ${imageName} is being made`;
  if (rootMode === 'stream') return { mode: rootMode, what: 'image', ...packedPlace };
  return { mode: 'ram', digest: packed.blob, size: packed.size };
}

/** The card asks for it next; a newer set is made beside the one there is. */
async function findCardRoot(
  { ensureBootSet }: Deps,
  tx: Transaction,
  { image, imageName }: Assignment,
): Promise<GrantedRoot | string> {
  const found = await tx.images.get(image);
  if (found === undefined) return gone(imageName);
  await ensureBootSet(tx, found);
  return (await usableBootSet(tx, image)) === undefined
    ? `what a card holds of ${imageName} is being made`
    : { mode: 'sd' };
}

async function findDisk(tx: Transaction, { disk: id, image, imageName }: Assignment): Promise<GrantedRoot | string> {
  const disk = id === null ? undefined : await tx.disks.get(id);
  if (disk?.state !== 'ready') return `its disk over ${imageName} is being made`;
  const place = rootPlace((await tx.images.get(image))?.facts ?? null);
  return place === undefined ? gone(imageName) : { mode: 'nbd', what: disk.id, ...place };
}

async function findDirectory(tx: Transaction, { disk: id, imageName }: Assignment): Promise<GrantedRoot | string> {
  const disk = id === null ? undefined : await tx.disks.get(id);
  return disk?.state === 'ready' ? { mode: 'nfs', what: disk.id } : `its directory of ${imageName} is being made`;
}

const gone = (imageName: string): string => `the image ${imageName} is gone`;

const notReady = (reason: string) => ({ kind: 'not-ready', retryAfter: rootRetrySeconds, reason }) as const;
