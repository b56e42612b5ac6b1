import type { Principal, Result } from '@drover/contract';
import { apiKeyPattern } from '../../domain/api-key.js';
import { kernelMisfit } from '../../domain/card-kernel.js';
import { reaches } from '../../domain/tenancy.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { Store } from '../store/ports.js';
import { answerFor, type SeenBoard } from './identify-device.js';
import type { CardAdmission, CardRequest, WireIdentity } from './ports.js';

interface Deps {
  readonly store: Store;
  /** `tenant`: takes the board, should nobody have it. */
  readonly registerSeen: (wire: WireIdentity, tenant?: string) => Promise<SeenBoard>;
  readonly prepareSecrets: (device: string, hostname: string) => void;
  readonly authenticate: (key: string) => Promise<Result<Principal>>;
  /** Takes boards with a key of the installation. */
  readonly defaultTenant: string;
}

const refused = (reason: string): CardAdmission => ({ kind: 'refused', reason });

/**
 * Who a board is that boots from a card, and what it gets. A card without a key is as good as a board that boots from the network; one with a key is the
 * tenant's, and so is a board that nobody had before.
 */
export const createAdmitCard =
  ({ store, registerSeen, prepareSecrets, authenticate, defaultTenant }: Deps) =>
  async ({ wire, key, device: named, release, boot }: CardRequest): Promise<CardAdmission> => {
    const found = key === undefined ? undefined : await authenticate(key);
    if (found?.ok === false) return refused('the key of its card is not known here, has expired or was revoked');
    const owner = found?.value;
    // It lies in clear on a card and goes in clear over the wire: what else it opens would lie open too.
    // A key that was taken in from CattlePi is both on cards and in scripts, and its cards are to go on.
    const isOld = owner?.role === 'operator' && key !== undefined && !apiKeyPattern.test(key);
    if (owner !== undefined && owner.role !== 'device' && !isOld)
      return refused(`the key of its card has the role ${owner.role}; make one with the role device for cards`);
    const seen = await (owner === undefined
      ? registerSeen(wire)
      : registerSeen({ ...wire, isPi: true }, owner.tenant ?? defaultTenant));
    if (seen.kind === 'stranger')
      return refused(
        'it is no Raspberry Pi and not registered; register it, or put a key of the role device on its card',
      );
    if (seen.kind === 'conflict') return refused(seen.reason);
    const { device } = seen;
    if (owner !== undefined && !reaches(owner, device.tenant))
      return refused('it belongs to another tenant than the key of its card');
    if (named !== undefined && named !== device.id && named !== device.name)
      return refused(`its card was made for the device ${named}, and this is another board`);
    return admit({ store, prepareSecrets }, device, { release, boot });
  };

async function admit(
  { store, prepareSecrets }: Pick<Deps, 'store' | 'prepareSecrets'>,
  device: DeviceRecord,
  kernel: Pick<CardRequest, 'release' | 'boot'>,
): Promise<CardAdmission> {
  const { answer, facts } = await store.read(async (tx) => ({
    answer: await answerFor(tx, device),
    facts: device.assignment === null ? null : ((await tx.images.get(device.assignment.image))?.facts ?? null),
  }));
  if (answer.kind === 'nothing') return { kind: 'admitted', answer, misfit: null };
  const misfit = kernelMisfit(facts, answer.plan.rootMode, kernel) ?? null;
  if (misfit === null) prepareSecrets(device.id, device.name);
  return { kind: 'admitted', answer, misfit };
}
