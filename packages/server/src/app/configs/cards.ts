import { createHash } from 'node:crypto';
import {
  CardId,
  refusal,
  success,
  type BootDocument,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { mergeLayers } from '../../domain/boot-layers.js';
import { cardDocument } from '../../domain/card-document.js';
import { bootGet } from '../../domain/card-track.js';
import { isDemo } from '../../domain/demo.js';
import { hasSecrets } from '../../domain/config-secrets.js';
import { refuseBelow } from '../../domain/tenancy.js';
import type { BlobStore } from '../blobs/ports.js';
import type { Store } from '../store/ports.js';
import type { CardBytes, CardCache, CardConfig, EndOfKey } from './card-cache.js';
import { cardImageOf, imageOfDocument } from './card-image.js';
import { changeLayer, type ChangeDeps } from './change-layer.js';
import { layersOfCard } from './effective.js';
import { cardPlace, defaultPlace, everyCard, type PlaceDeps } from './places.js';
import type { TrackedCard, Tracks } from './tracks.js';

export interface CardsDeps extends ChangeDeps, PlaceDeps {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'read'>;
  readonly cache: CardCache;
  readonly tracks: Tracks;
  /** For what is kept of a key. */
  readonly endOfKey: EndOfKey;
}

/** What cards of CattlePi, and scripts written for it, ask. Ids are in the scope of the key that asks. */
export interface Cards {
  /** What is known without asking the store, noted as a fetch; undefined: ask with {@link config}. */
  readonly quick: (key: string, card: string) => CardConfig | undefined;
  /** `key` is what `who` came with. */
  readonly config: (who: Principal, key: string, card: string) => Promise<Result<CardConfig>>;
  readonly post: (who: Principal, card: string, document: BootDocument) => Promise<Result<null>>;
  readonly remove: (who: Principal, card: string) => Promise<Result<null>>;
  readonly seen: (who: Principal) => Promise<Result<string[]>>;
  readonly track: (who: Principal, card: string) => Promise<Result<string[]>>;
  readonly say: (who: Principal, card: string, text: string) => Result<null>;
}

export const createCards = (deps: CardsDeps): Cards => {
  const { store, cache, tracks, defaultTenant } = deps;
  const tenantOf = ({ tenant }: Principal): string => tenant ?? defaultTenant;
  const change = async (
    who: Principal,
    card: string,
    said: { readonly document: BootDocument | null; readonly reason: string },
  ): Promise<Result<null>> => {
    const refused = refuseBelow(who, 'operator') ?? refuseId(card);
    if (refused !== undefined) return refused;
    return store.transaction(async (tx) => {
      const place = cardPlace(tenantOf(who), who.key, card);
      const old = await tx.bootLayers.find(place.tenant, place.place);
      if (said.document === null && (old === undefined || old.document === null)) return success(null);
      const changed = await changeLayer(deps, tx, who, place, { ...said, inherits: false });
      return changed.ok ? success(null) : changed;
    });
  };
  return {
    quick: (key, card) => {
      const known = cache.find(key, card);
      if (known !== undefined) tracks.note(known.card, bootGet);
      return known;
    },
    config: async (who, key, card) => {
      const refused = refuseId(card);
      if (refused !== undefined) return refused;
      const tracked = { key: who.key, card };
      if (!isDemo(who)) tracks.note(tracked, bootGet);
      const known = cache.find(key, card);
      if (known !== undefined) return success(known);
      const ticket = cache.ticket();
      const found = await configOf(deps, who, tenantOf(who), tracked);
      const ends = isDemo(who) ? undefined : await deps.endOfKey(key);
      if (found.ok && ticket !== undefined && ends !== undefined)
        cache.put(ticket, { key, principal: who, ...ends }, card, found.value);
      return found;
    },
    post: (who, card, document) => change(who, card, { document, reason: 'posted' }),
    remove: (who, card) => change(who, card, { document: null, reason: 'deleted' }),
    seen: async (who) => {
      const seen = isDemo(who) ? [] : await tracks.cards(who.key);
      if (seen.includes(everyCard)) return success(seen);
      const [tenant, places] = [
        tenantOf(who),
        [cardPlace(tenantOf(who), who.key, everyCard), defaultPlace(tenantOf(who))],
      ];
      const names = places.map(({ place }) => place);
      const defaults = await store.read((tx) => tx.bootLayers.speaking(tenant, names));
      return success(defaults.length > 0 ? [...seen, everyCard] : seen);
    },
    track: async (who, card) =>
      refuseId(card) ?? success(isDemo(who) ? [] : await tracks.lines({ key: who.key, card })),
    say: (who, card, text) => {
      const refused = refuseId(card) ?? refuseReader(who);
      if (refused !== undefined) return refused;
      tracks.note({ key: who.key, card }, text);
      return success(null);
    },
  };
};

const refuseId = (card: string): Refusal | undefined =>
  CardId.safeParse(card).success
    ? undefined
    : refusal('request.invalid', 'The id of the card is not one.', {
        remedy: 'Use a MAC, or letters, digits, colon, dot, hyphen and underscore, 128 at most.',
        errors: [{ field: 'path.id', message: 'is not an id' }],
      });

/** A key that only reads, as the demo key, leaves no lines; those of boards and of operators do. */
const refuseReader = (who: Principal): Refusal | undefined =>
  who.role === 'reader'
    ? refusal('auth.forbidden', `The key "${who.name}" is a reader key, which writes nothing.`, {
        remedy: 'Give cards a key with the role device.',
      })
    : undefined;

/** A card that gets a config without its passwords is lost. */
const refuseSecrets = (who: Principal): Refusal =>
  refusal('auth.forbidden', `There are passwords in this config, which the reader key "${who.name}" does not see.`, {
    remedy: 'Give cards a key with the role device.',
  });

const noConfig = (card: string): Refusal =>
  refusal('boot-config.not-found', `There is no config for ${card}, and no default.`, {
    remedy: 'Say one: POST it, or `drover config set --default`.',
  });

/** Bases that one config is kept for: a server has few addresses, and a Host header is anybody's. */
const mostBases = 8;

async function configOf(
  { store, blobs }: Pick<CardsDeps, 'store' | 'blobs'>,
  who: Principal,
  tenant: string,
  card: TrackedCard,
): Promise<Result<CardConfig>> {
  const found = await store.read(async (tx) => {
    const { layers, document } = mergeLayers(await layersOfCard(tx, tenant, card.key, card.card));
    if (layers.length === 0) return noConfig(card.card);
    if (who.role === 'reader' && hasSecrets(document)) return refuseSecrets(who);
    const build = await imageOfDocument(tx, tenant, document);
    return build?.ok === false ? build : success({ document, build: build?.value });
  });
  if (!found.ok) return found;
  const { document, build } = found.value;
  const image = build === undefined ? undefined : await cardImageOf(blobs, build);
  if (image?.ok === false) return image;
  if (image === undefined) {
    const bytes = bytesOf(cardDocument(document));
    return success({ card, size: bytes.body.length, bytes: () => bytes });
  }
  const made = new Map<string, CardBytes>();
  const bytes = (base: string): CardBytes => {
    const known = made.get(base) ?? bytesOf(cardDocument(document, image.value(base)));
    if (made.size < mostBases) made.set(base, known);
    return known;
  };
  return success({ card, size: mostBases * bytes('').body.length, bytes });
}

const bytesOf = (text: string): CardBytes => {
  const body = Buffer.from(text);
  return { body, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"` };
};
