import {
  CardId,
  Labels,
  parseSelector,
  refusal,
  success,
  type BootLayer,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { plainSelector } from '../../domain/boot-layers.js';
import { reaches } from '../../domain/tenancy.js';
import { badSelector } from '../devices/devices.js';
import { findDevice } from '../devices/find.js';
import type { Transaction } from '../store/ports.js';
import type { BootLayerRecord } from './ports.js';

/** Where a layer is, whether there is one or not. */
export type Place = Pick<BootLayerRecord, 'tenant' | 'place' | 'kind' | 'device' | 'selector' | 'key' | 'card'>;

const nowhere = { device: null, selector: null, key: null, card: null };

export const defaultPlace = (tenant: string): Place => ({ ...nowhere, tenant, kind: 'default', place: 'default' });

export const devicePlace = (tenant: string, device: string): Place => ({
  ...{ ...nowhere, tenant, device },
  ...{ kind: 'device', place: `device/${device}` },
});

export const cardPlace = (tenant: string, key: string, card: string): Place => ({
  ...{ ...nowhere, tenant, key, card },
  ...{ kind: 'card', place: `card/${key}/${card}` },
});

const groupPlace = (tenant: string, selector: string): Place => ({
  ...{ ...nowhere, tenant, selector },
  ...{ kind: 'group', place: `group/${selector}` },
});

/** As people and programs name it. */
export const refOf = ({ kind, device, selector, key, card }: Place): string => {
  if (kind === 'device') return `device:${device ?? ''}`;
  if (kind === 'group') return `group:${selector ?? ''}`;
  return kind === 'card' ? `card:${key ?? ''}:${card ?? ''}` : kind;
};

export const presentLayer = ({ place: _place, ...layer }: BootLayerRecord): BootLayer => ({
  ...layer,
  ref: refOf({ ...layer, place: '' }),
  etag: `"${layer.version}"`,
});

/** Id that stands for all cards of a key which have no config of their own. */
export const everyCard = 'default';

export interface PlaceDeps {
  /** Id of the tenant that keys of the installation act for. */
  readonly defaultTenant: string;
}

/** The place that `ref` means to this key. See BootLayerRef. */
export async function findPlace(
  { defaultTenant }: PlaceDeps,
  tx: Transaction,
  who: Principal,
  ref: string,
): Promise<Result<Place>> {
  const own = who.tenant ?? defaultTenant;
  const [, kind = '', name = ''] = /^([a-z]+)(?::(.*))?$/s.exec(ref) ?? [];
  if (kind === 'device') return placeOfDevice(tx, who, name);
  if (kind === 'group') return placeOfGroup(own, name);
  if (kind === 'card') return placeOfCard(tx, who, defaultTenant, name);
  if (kind === 'default') return success(defaultPlace(own));
  const layer = await tx.bootLayers.get(ref);
  return layer !== undefined && reaches(who, layer.tenant) ? success(layer) : noLayer(ref);
}

async function placeOfDevice(tx: Transaction, who: Principal, name: string): Promise<Result<Place>> {
  const found = await findDevice(tx, who, name);
  if (!found.ok) return found;
  const { id, tenant } = found.value;
  return tenant === null
    ? refusal('device.state', `${found.value.name} belongs to nobody yet`, {
        remedy: `Take it in first: drover device adopt ${found.value.name}`,
      })
    : success(devicePlace(tenant, id));
}

const placeOfGroup = (tenant: string, text: string): Result<Place> => {
  const labels = Labels.safeParse(parseSelector(text));
  return labels.success ? success(groupPlace(tenant, plainSelector(labels.data))) : badSelector(text);
};

async function placeOfCard(
  tx: Transaction,
  who: Principal,
  defaultTenant: string,
  name: string,
): Promise<Result<Place>> {
  const id = name.slice(0, name.indexOf(':'));
  const card = CardId.safeParse(name.slice(id.length + 1));
  const key = await tx.keys.get(id);
  if (key === undefined || !reaches(who, key.tenant)) return noKey(id);
  return card.success ? success(cardPlace(key.tenant ?? defaultTenant, key.id, card.data)) : noLayer(`card:${name}`);
}

export const noKey = (id: string): Refusal =>
  refusal('key.not-found', `There is no API key ${id}`, { remedy: 'See `drover key list`.' });

export const noLayer = (ref: string): Refusal =>
  refusal('boot-config.not-found', `Nothing is said for ${ref}.`, { remedy: 'See `drover config list`.' });
