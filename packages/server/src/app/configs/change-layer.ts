import { refusal, success, type BootDocument, type Principal, type Refusal, type Result } from '@drover/contract';
import type { Clock, Ids } from '../ports.js';
import type { Transaction } from '../store/ports.js';
import { refOf, type Place } from './places.js';
import type { BootLayerRecord } from './ports.js';

/** Versions of one layer that are kept. */
const keptVersions = 500;
/** Cards of one key, and groups of one tenant, that may have something said of them. */
const mostCards = 10_000;
const mostGroups = 1000;
/** Of groups that name none. */
const usualPriority = 100;

export interface ChangeDeps {
  readonly clock: Clock;
  readonly ids: Ids;
}

/** What a layer is to say. `document` null: nothing. */
export interface Said {
  readonly document: BootDocument | null;
  readonly inherits?: boolean | undefined;
  readonly priority?: number | undefined;
  readonly reason: string;
}

/** Says something at a place: a new version with its event, in the caller's transaction. What is said already makes none. */
export async function changeLayer(
  { clock, ids }: ChangeDeps,
  tx: Transaction,
  who: Principal,
  place: Place,
  said: Said,
): Promise<Result<BootLayerRecord>> {
  const old = await tx.bootLayers.find(place.tenant, place.place);
  const crowded = old === undefined ? await refuseCrowd(tx, place) : undefined;
  if (crowded !== undefined) return crowded;
  const at = new Date(clock.now()).toISOString();
  const layer: BootLayerRecord = {
    ...(old ?? { ...pick(place), id: ids.next('cfg'), createdAt: at }),
    document: said.document,
    inherits: said.inherits ?? old?.inherits ?? true,
    priority: place.kind === 'group' ? (said.priority ?? old?.priority ?? usualPriority) : null,
    version: (old?.version ?? 0) + 1,
    updatedAt: at,
  };
  if (old !== undefined && isSame(old, layer)) return success(old);
  const { version, document, inherits, priority } = layer;
  const { reason } = said;
  await tx.bootLayers.save(layer, { version, document, inherits, priority, at, author: who.key, reason }, keptVersions);
  await tx.events.append({
    type: document === null ? 'boot-config.deleted' : 'boot-config.changed',
    at,
    tenant: layer.tenant,
    subject: layer.id,
    data: { layer: refOf(layer), version, reason, by: who.key },
  });
  return success(layer);
}

const pick = ({ tenant, place, kind, device, selector, key, card }: Place): Place => ({
  ...{ tenant, place, kind },
  ...{ device, selector, key, card },
});

const isSame = (a: BootLayerRecord, b: BootLayerRecord): boolean =>
  JSON.stringify([a.document, a.inherits, a.priority]) === JSON.stringify([b.document, b.inherits, b.priority]);

const refuseCrowd = async (tx: Transaction, { kind, key, tenant }: Place): Promise<Refusal | undefined> => {
  if (kind === 'card' && (await tx.bootLayers.countCards(key ?? '')) >= mostCards)
    return tooMany(`This key has configs for ${mostCards} cards already.`);
  if (kind === 'group' && (await tx.bootLayers.countGroups(tenant)) >= mostGroups)
    return tooMany(`There are configs for ${mostGroups} groups already.`);
  return undefined;
};

const tooMany = (detail: string): Refusal =>
  refusal('boot-config.too-many', detail, {
    remedy: 'Say what many have in common once, in a default or for a label; use ids and labels again.',
  });
