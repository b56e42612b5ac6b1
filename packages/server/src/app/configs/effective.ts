import { parseSelector, success, type EffectiveBootConfig, type Result } from '@drover/contract';
import { compareGroups, fitsLabels, mergeLayers, type SpokenLayer } from '../../domain/boot-layers.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { Transaction } from '../store/ports.js';
import { cardPlace, defaultPlace, devicePlace, everyCard, refOf, type Place } from './places.js';
import type { BootLayerRecord } from './ports.js';

/** What all layers that concern a place come to. A default, or a group, stands for itself. */
export async function effectiveAt(tx: Transaction, place: Place): Promise<Result<EffectiveBootConfig>> {
  return success(mergeLayers(await layersAt(tx, place)));
}

const layersAt = async (tx: Transaction, place: Place): Promise<SpokenLayer[]> => {
  const { tenant, kind, device, key, card } = place;
  if (kind === 'card') return layersOfCard(tx, tenant, key ?? '', card ?? '');
  if (kind === 'device') return layersOfDevice(tx, tenant, await tx.devices.get(device ?? ''));
  return spoken(await tx.bootLayers.speaking(tenant, [place.place]));
};

const spoken = (layers: readonly BootLayerRecord[]): SpokenLayer[] =>
  layers.flatMap((layer) =>
    layer.document === null
      ? []
      : [{ ref: refOf(layer), version: layer.version, inherits: layer.inherits, document: layer.document }],
  );

/** What a device gets, as JSON: the same bytes until something of it changes. Of a board that nobody has adopted, nothing. */
export async function documentOfDevice(tx: Transaction, id: string): Promise<string> {
  const device = await tx.devices.get(id);
  if (device?.tenant == null) return '{}';
  return JSON.stringify(mergeLayers(await layersOfDevice(tx, device.tenant, device)).document);
}

/** In the order that was asked for. */
const at = async (tx: Transaction, tenant: string, places: readonly Place[]): Promise<BootLayerRecord[]> => {
  const found = await tx.bootLayers.speaking(
    tenant,
    places.map(({ place }) => place),
  );
  return places.flatMap(({ place }) => found.filter((layer) => layer.place === place));
};

const groupsOf = async (
  tx: Transaction,
  tenant: string,
  { labels }: Pick<DeviceRecord, 'labels'>,
): Promise<BootLayerRecord[]> => {
  if (Object.keys(labels).length === 0) return [];
  const groups = await tx.bootLayers.groups(tenant);
  const order = ({ selector, priority }: BootLayerRecord) => ({ selector: selector ?? '', priority: priority ?? 0 });
  return groups
    .filter(({ selector }) => fitsLabels(parseSelector(selector ?? '') ?? {}, labels))
    .sort((a, b) => compareGroups(order(a), order(b)));
};

const layersOfDevice = async (
  tx: Transaction,
  tenant: string,
  device: DeviceRecord | undefined,
): Promise<SpokenLayer[]> => {
  const base = await at(tx, tenant, [defaultPlace(tenant)]);
  if (device === undefined) return spoken(base);
  const own = await at(tx, tenant, [devicePlace(tenant, device.id)]);
  return spoken([...base, ...(await groupsOf(tx, tenant, device)), ...own]);
};

const macLike = /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i;

/** The device of that tenant which a card is: as somebody said, else the one with that MAC. See docs/decisions/0011. */
export async function deviceOfCard(
  tx: Transaction,
  tenant: string,
  key: string,
  card: string,
): Promise<DeviceRecord | undefined> {
  const said = await tx.devices.findByIdentity(key, 'cattlepi-id', card);
  if (said !== undefined) return said.tenant === tenant ? said : undefined;
  if (!macLike.test(card)) return undefined;
  const found = await tx.devices.resolve(card.toLowerCase().replaceAll('-', ':'), tenant);
  const own = found.filter((device) => device.tenant === tenant);
  return own.length === 1 ? own[0] : undefined;
}

/** The lowest first: the default of the key, else that of the tenant; groups and layer of the device it is; what is said of the card itself. */
export async function layersOfCard(tx: Transaction, tenant: string, key: string, card: string): Promise<SpokenLayer[]> {
  const [first, second] = await at(tx, tenant, [cardPlace(tenant, key, everyCard), defaultPlace(tenant)]);
  const base = spoken([first ?? second].filter((layer) => layer !== undefined));
  if (card === everyCard) return base;
  const device = await deviceOfCard(tx, tenant, key, card);
  const own = await at(tx, tenant, [
    ...(device === undefined ? [] : [devicePlace(tenant, device.id)]),
    cardPlace(tenant, key, card),
  ]);
  const groups = device === undefined ? [] : await groupsOf(tx, tenant, device);
  return [...base, ...spoken([...groups, ...own])];
}
