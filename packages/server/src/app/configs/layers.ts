import {
  refusal,
  success,
  type BootConfigDiff,
  type BootDocument,
  type BootLayer,
  type BootLayerKind,
  type BootLayerPut,
  type BootLayerRevert,
  type BootLayerVersion,
  type EffectiveBootConfig,
  type Page,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { maskChange, maskDocument, maskEffective } from '../../domain/config-secrets.js';
import { settingFaults } from '../../domain/config-settings.js';
import { diffDocuments } from '../../domain/document-diff.js';
import { allows, refuseBelow, tenantFilter } from '../../domain/tenancy.js';
import type { Store, Transaction } from '../store/ports.js';
import { changeLayer, type ChangeDeps } from './change-layer.js';
import { imageOfDocument } from './card-image.js';
import { effectiveAt } from './effective.js';
import { findPlace, noLayer, presentLayer, type Place, type PlaceDeps } from './places.js';
import type { BootLayerRecord } from './ports.js';

export interface LayersDeps extends ChangeDeps, PlaceDeps {
  readonly store: Store;
}

type PageWanted = { readonly limit: number; readonly cursor?: string | undefined };

/** Boot configs in layers. `ref` as in the contract's BootLayerRef; `etag` is If-Match. */
export interface BootLayers {
  readonly list: (
    who: Principal,
    query: PageWanted & { readonly kind?: BootLayerKind | undefined },
  ) => Promise<Result<Page<BootLayer>>>;
  readonly get: (who: Principal, ref: string) => Promise<Result<BootLayer>>;
  readonly put: (who: Principal, ref: string, wanted: BootLayerPut, etag?: string) => Promise<Result<BootLayer>>;
  readonly remove: (who: Principal, ref: string, reason: string, etag?: string) => Promise<Result<null>>;
  readonly versions: (who: Principal, ref: string, page: PageWanted) => Promise<Result<Page<BootLayerVersion>>>;
  /** Left out: the latest version, and the one before it. */
  readonly diff: (
    who: Principal,
    ref: string,
    between: { readonly from?: number | undefined; readonly to?: number | undefined },
  ) => Promise<Result<BootConfigDiff>>;
  readonly revert: (who: Principal, ref: string, wanted: BootLayerRevert, etag?: string) => Promise<Result<BootLayer>>;
  readonly explain: (who: Principal, ref: string) => Promise<Result<EffectiveBootConfig>>;
}

export const createBootLayers = (deps: LayersDeps): BootLayers => {
  const { store } = deps;
  /** Reads at a place, as a reader. */
  const look = async <T>(
    who: Principal,
    ref: string,
    work: (tx: Transaction, place: Place) => Promise<Result<T>>,
  ): Promise<Result<T>> => {
    const refused = refuseBelow(who, 'reader');
    if (refused !== undefined) return refused;
    return store.read(async (tx) => {
      const place = await findPlace(deps, tx, who, ref);
      return place.ok ? work(tx, place.value) : place;
    });
  };
  /** Changes what is at a place, as an operator who knows in which version it is. */
  const change = async <T>(
    who: Principal,
    ref: string,
    expected: Expected,
    work: (tx: Transaction, place: Place, old: BootLayerRecord | undefined) => Promise<Result<T>>,
  ): Promise<Result<T>> => {
    const refused = refuseBelow(who, 'operator');
    if (refused !== undefined) return refused;
    return store.transaction(async (tx) => {
      const place = await findPlace(deps, tx, who, ref);
      if (!place.ok) return place;
      const old = await tx.bootLayers.find(place.value.tenant, place.value.place);
      return refuseChanged(ref, old, expected) ?? work(tx, place.value, old);
    });
  };
  const save = async (...given: Parameters<typeof changeLayer>): Promise<Result<BootLayer>> => {
    const changed = await changeLayer(...given);
    return changed.ok ? success(presentLayer(changed.value)) : changed;
  };
  return {
    list: async (who, { limit, cursor, kind }) => {
      const refused = refuseBelow(who, 'reader');
      if (refused !== undefined) return refused;
      const tenant = tenantFilter(who);
      const filter = { ...(tenant === undefined ? {} : { tenant }), ...(kind === undefined ? {} : { kind }) };
      const page = await store.read((tx) => tx.bootLayers.list(filter, pageOf({ limit, cursor })));
      return success({ items: page.items.map((layer) => shownTo(who, presentLayer(layer))), next: page.next });
    },
    get: (who, ref) =>
      look(who, ref, async (tx, { tenant, place }) => {
        const layer = await tx.bootLayers.find(tenant, place);
        return layer === undefined || layer.document === null
          ? noLayer(ref)
          : success(shownTo(who, presentLayer(layer)));
      }),
    put: (who, ref, wanted, etag) =>
      change(who, ref, { etag, version: wanted.version }, async (tx, place) => {
        const unfit = refuseSettings(wanted.document) ?? (await refuseImage(tx, place, wanted.document));
        return unfit ?? save(deps, tx, who, place, wanted);
      }),
    remove: (who, ref, reason, etag) =>
      change(who, ref, { etag }, async (tx, place, old) => {
        if (old === undefined || old.document === null) return noLayer(ref);
        const saved = await changeLayer(deps, tx, who, place, { document: null, reason });
        return saved.ok ? success(null) : saved;
      }),
    versions: (who, ref, page) =>
      look(who, ref, async (tx, { tenant, place }) => {
        const layer = await tx.bootLayers.find(tenant, place);
        if (layer === undefined) return noLayer(ref);
        const { items, next } = await tx.bootLayers.versions(layer.id, pageOf(page));
        return success({ items: items.map((version) => shownTo(who, version)), next });
      }),
    diff: (who, ref, between) =>
      look(who, ref, async (tx, { tenant, place }) => {
        const layer = await tx.bootLayers.find(tenant, place);
        const found = layer === undefined ? noLayer(ref) : await diff(tx, layer, between);
        if (!found.ok || seesSecrets(who)) return found;
        return success({ ...found.value, changes: found.value.changes.map(maskChange) });
      }),
    revert: (who, ref, { to, reason, version }, etag) =>
      change(who, ref, { etag, version }, async (tx, place, old) => {
        const then = old === undefined ? undefined : await tx.bootLayers.version(old.id, to);
        if (then === undefined) return noVersion(ref, to);
        const { document, inherits, priority } = then;
        const said = { document, inherits, reason: reason === '' ? `as in version ${to}` : reason };
        return save(deps, tx, who, place, { ...said, priority: priority ?? undefined });
      }),
    explain: async (who, ref) => {
      const found = await look(who, ref, effectiveAt);
      return found.ok && !seesSecrets(who) ? success(maskEffective(found.value)) : found;
    },
  };
};

/** Who may change a boot config sees all of it, others not its passwords. */
const seesSecrets = ({ role }: Principal): boolean => allows(role, 'operator');

const shownTo = <T extends { readonly document: BootDocument | null }>(who: Principal, said: T): T =>
  said.document === null || seesSecrets(who) ? said : { ...said, document: maskDocument(said.document) };

const pageOf = ({ limit, cursor }: PageWanted) => ({ limit, ...(cursor === undefined ? {} : { cursor }) });

interface Expected {
  readonly etag?: string | undefined;
  /** 0: there must be nothing. */
  readonly version?: number | undefined;
}

/** A layer that says nothing is at 0 for those who expect nothing there. */
const refuseChanged = (
  ref: string,
  old: BootLayerRecord | undefined,
  { etag, version }: Expected,
): Refusal | undefined => {
  const at = old?.version ?? 0;
  const isThere = old !== undefined && old.document !== null;
  const fitsVersion = version === undefined || version === at || (version === 0 && !isThere);
  const fitsEtag = etag === undefined || etag === '*' || etag === `"${at}"`;
  return fitsVersion && fitsEtag
    ? undefined
    : refusal('precondition.failed', `${ref} was changed meanwhile: it is at version ${at}.`, {
        remedy: 'Read it again, and repeat the change if it is still wanted.',
      });
};

/** An image that is named must be one that a card can be given. */
const refuseImage = async (
  tx: Transaction,
  { tenant }: Place,
  document: BootDocument,
): Promise<Refusal | undefined> => {
  const found = await imageOfDocument(tx, tenant, document);
  if (found === undefined || found.ok) return undefined;
  return { ...found, errors: [{ field: 'document.image', message: 'cannot be given to cards' }] };
};

/** The free part is free, but for what boards go by. */
const refuseSettings = ({ config }: BootDocument): Refusal | undefined => {
  const faults = settingFaults(config ?? {});
  if (faults.length === 0) return undefined;
  const errors = faults.map(({ path, message }) => ({ field: `document.config.${path}`, message }));
  return refusal('request.invalid', errors.map(({ field, message }) => `${field} ${message}`).join('; ') + '.', {
    errors,
    remedy: 'What boards understand is listed in docs/how-to/boot-configs.md.',
  });
};

const noVersion = (ref: string, version: number): Refusal =>
  refusal('boot-config.not-found', `${ref} has no version ${version}, or no longer.`, {
    remedy: 'See `drover config history`.',
  });

async function diff(
  tx: Transaction,
  layer: BootLayerRecord,
  { from, to = layer.version }: { readonly from?: number | undefined; readonly to?: number | undefined },
): Promise<Result<BootConfigDiff>> {
  const first = from ?? Math.max(0, to - 1);
  const [before, after] = [await documentAt(tx, layer, first), await documentAt(tx, layer, to)];
  if (!before.ok) return before;
  if (!after.ok) return after;
  return success({ from: first, to, changes: diffDocuments(before.value, after.value) });
}

/** Before its first version, and where it says nothing, a layer is empty. */
async function documentAt(tx: Transaction, layer: BootLayerRecord, version: number): Promise<Result<BootDocument>> {
  if (version === 0) return success({});
  const then = await tx.bootLayers.version(layer.id, version);
  return then === undefined ? noVersion(layer.id, version) : success(then.document ?? {});
}
