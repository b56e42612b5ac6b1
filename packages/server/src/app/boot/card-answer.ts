import { createHash } from 'node:crypto';
import type { CardAnswer } from '@drover/contract';
import { configArchive } from '../../domain/config-archive.js';
import { publicKeyLine, signMessage } from '../../domain/signify.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { Delta, Deltas } from '../images/deltas.js';
import { usableBootSet, type BootSet } from '../images/boot-set-job.js';
import type { Clock, Ids } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { versionFor, type VersionedAnswer } from './card-version.js';
import { overlaySize } from './exchange.js';
import type { BootBackend, CardPromise, CardQuestion } from './ports.js';
import { keyComment, signingKeys } from './signing-key.js';

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** The boot config of a device in force, as JSON; the same bytes as long as nothing of it changes. */
  readonly effectiveConfig: (device: string) => Promise<string>;
  /** What makes the root `to` of the root `from`, where a tenant may see both. */
  readonly deltas: Deltas;
}

type Refused = { readonly kind: 'refused'; readonly reason: 'revoked' | 'no-assignment' };
type NotReady = { readonly kind: 'not-ready'; readonly retryAfter: number; readonly reason: string };

/** Roots of a card that are looked at. */
const mostKnown = 4;

/** How long a board waits before it asks again, in seconds. */
const retrySeconds = 5;

/** What a card holds of the image that is assigned to it now. */
interface Wanted {
  readonly image: string;
  readonly set: BootSet;
}

async function wantedBy(tx: Transaction, { assignment }: DeviceRecord): Promise<Wanted | Refused | NotReady> {
  if (assignment?.rootMode !== 'sd') return { kind: 'refused', reason: 'no-assignment' };
  const set = await usableBootSet(tx, assignment.image);
  if (set !== undefined) return { image: assignment.imageName, set };
  return {
    kind: 'not-ready',
    retryAfter: retrySeconds,
    reason: `what a card holds of ${assignment.imageName} is being made`,
  };
}

/** The device whose session this is, as long as it is its own. */
async function deviceOf(tx: Transaction, id: string): Promise<DeviceRecord | Refused> {
  const session = await tx.sessions.get(id);
  if (session === undefined || session.outcome === 'revoked' || session.nonceHash === null)
    return { kind: 'refused', reason: 'revoked' };
  return (await tx.devices.get(session.device)) ?? { kind: 'refused', reason: 'no-assignment' };
}

const infoOf = (bytes: Buffer): CardPromise['config'] => ({
  digest: createHash('sha256').update(bytes).digest('hex'),
  size: bytes.length,
});

const linesOf = (answer: CardAnswer): string =>
  Object.entries(answer)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');

/** What self-updating cards ask, see contract/device-api. What they are told is the device's assignment of now, which may be a later one than that of the boot. */
export function createCardAnswers({
  store,
  clock,
  ids,
  effectiveConfig,
  deltas,
}: Deps): Pick<BootBackend, 'cardAnswer' | 'cardPromise' | 'cardConfig'> {
  /** Read before the transaction: it is another's to say. */
  const configOf = async (session: string): Promise<Buffer | Refused> => {
    const device = await store.read((tx) => deviceOf(tx, session));
    return 'kind' in device ? device : configArchive(await effectiveConfig(device.id));
  };

  /** The smallest that leads from what the card has to what it is to have. Looked for before the transaction, which it has one of its own for. */
  const deltaFor = async ({ session, known = [] }: CardQuestion): Promise<Delta | undefined> => {
    if (known.length === 0) return undefined;
    const looked = await store.read(async (tx) => {
      const device = await deviceOf(tx, session);
      const wanted = 'kind' in device ? device : await wantedBy(tx, device);
      return 'kind' in device || 'kind' in wanted ? undefined : { tenant: device.tenant, to: wanted.set.root.digest };
    });
    if (looked === undefined || known.includes(looked.to)) return undefined;
    const found: Delta[] = [];
    for (const from of known.slice(0, mostKnown)) {
      const delta = await deltas.between(looked.tenant, from, looked.to);
      if (delta !== undefined) found.push(delta);
    }
    return found.sort((a, b) => a.size - b.size)[0];
  };

  const answerFor = async (
    tx: Transaction,
    { session, nonce }: CardQuestion,
    config: CardPromise['config'],
    found: Delta | undefined,
  ) => {
    const device = await deviceOf(tx, session);
    if ('kind' in device) return device;
    const wanted = await wantedBy(tx, device);
    if ('kind' in wanted) return wanted;
    const { current, next } = await signingKeys(tx, ids);
    const { root, archive, id } = wanted.set;
    const said: VersionedAnswer = {
      ...{ hostname: device.name, overlaySize, image: wanted.image },
      ...{ rootSha256: root.digest, rootSize: root.size },
      ...{ bootSha256: archive.digest, bootSize: archive.size, bootId: id },
      ...{ configSha256: config.digest, configSize: config.size },
      ...(next === null ? {} : { nextKey: publicKeyLine(next) }),
    };
    const now = clock.now();
    const version = await versionFor(tx, device.id, said, now);
    const delta =
      found === undefined ? {} : { deltaFrom: found.from, deltaSha256: found.digest, deltaSize: found.size };
    const head = { card: 1 as const, device: device.id, version, nonce, time: Math.floor(now / 1000) };
    const text = signMessage(current, `signed by ${keyComment(current)}`, linesOf({ ...head, ...said, ...delta }));
    const promise: CardPromise = {
      root,
      boot: archive,
      config,
      ...(found === undefined ? {} : { delta: { digest: found.digest, size: found.size } }),
    };
    return { kind: 'answered' as const, text, promise };
  };

  return {
    cardAnswer: async (question) => {
      const config = await configOf(question.session);
      if ('kind' in config) return config;
      const delta = await deltaFor(question);
      return store.transaction((tx) => answerFor(tx, question, infoOf(config), delta));
    },
    cardPromise: async (session) => {
      const config = await configOf(session);
      if ('kind' in config) return config;
      return store.read(async (tx) => {
        const device = await deviceOf(tx, session);
        const wanted = 'kind' in device ? device : await wantedBy(tx, device);
        if ('kind' in wanted) return wanted;
        const { root, archive } = wanted.set;
        return { kind: 'promised', promise: { root, boot: archive, config: infoOf(config) } };
      });
    },
    cardConfig: async (session, digest) => {
      const config = await configOf(session);
      return 'kind' in config || infoOf(config).digest !== digest ? null : config.toString('base64');
    },
  };
}
