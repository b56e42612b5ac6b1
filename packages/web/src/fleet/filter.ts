import {
  deviceStates,
  healthStatuses,
  models,
  parseSelector,
  type Device,
  type DeviceState,
  type HealthStatus,
  type Model,
} from '@drover/contract';

/** What a person wants to see of the fleet. Empty: everything. */
export interface FleetFilter {
  /** Words that must all be somewhere in what names a board. */
  readonly text: string;
  readonly state: DeviceState | undefined;
  readonly model: Model | undefined;
  /** `name:version`; `-`: no image. */
  readonly image: string | undefined;
  readonly health: HealthStatus | undefined;
  /** `rack=a,role=sign`, as the API takes it. */
  readonly labels: string;
}

export type FleetView = 'table' | 'grid';

export const noFilter: FleetFilter = {
  text: '',
  state: undefined,
  model: undefined,
  image: undefined,
  health: undefined,
  labels: '',
};

/** As it stands in the address of the page; what is not set is not there. */
export interface FleetSearch {
  readonly q?: string;
  readonly state?: DeviceState;
  readonly model?: Model;
  readonly image?: string;
  readonly health?: HealthStatus;
  readonly labels?: string;
  readonly view?: FleetView;
}

const oneOf = <T extends string>(values: readonly T[], value: unknown): T | undefined =>
  values.find((each) => each === value);
const textOf = (value: unknown): string | undefined =>
  (typeof value === 'string' || typeof value === 'number') && value !== '' ? String(value).slice(0, 200) : undefined;

const present = <T extends object>(all: T): Partial<T> =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Partial<T>;

/** Reads an address that anybody may have written. */
export const readFleetSearch = (search: Readonly<Record<string, unknown>>): FleetSearch =>
  present({
    q: textOf(search['q']),
    state: oneOf(deviceStates, search['state']),
    model: oneOf(models, search['model']),
    image: textOf(search['image']),
    health: oneOf(healthStatuses, search['health']),
    labels: textOf(search['labels']),
    view: search['view'] === 'grid' ? ('grid' as const) : undefined,
  });

export const filterOf = ({ q = '', state, model, image, health, labels = '' }: FleetSearch): FleetFilter => ({
  ...{ text: q, state, model, image, health, labels },
});

export const searchOf = (filter: FleetFilter, view: FleetView): FleetSearch =>
  present({
    q: filter.text === '' ? undefined : filter.text,
    ...{ state: filter.state, model: filter.model, image: filter.image, health: filter.health },
    labels: filter.labels === '' ? undefined : filter.labels,
    view: view === 'table' ? undefined : view,
  });

export const isFiltered = (filter: FleetFilter): boolean => Object.keys(searchOf(filter, 'table')).length > 0;

const haystacks = new WeakMap<Device, string>();

/** Everything that names a board, in lower case; made once for each version of it. */
const haystackOf = (device: Device): string => {
  const known = haystacks.get(device);
  if (known !== undefined) return known;
  const labels = Object.entries(device.labels).map(([key, value]) => `${key}=${value}`);
  const made = [
    device.name,
    device.mac,
    device.serial,
    device.bootPrefix,
    device.lastAddress,
    device.modelName,
    device.model,
    device.site,
    device.assignment?.imageName,
    device.stateReason,
    device.id,
    ...labels,
  ]
    .filter((each) => each != null)
    .join('\n')
    .toLowerCase();
  haystacks.set(device, made);
  return made;
};

/** Why a label selector cannot be read; undefined: it can. */
export const selectorError = (labels: string): string | undefined =>
  labels === '' || parseSelector(labels) !== undefined ? undefined : 'Write it like rack=a,role=sign';

/** A test for one board, made once for each filter. Labels that cannot be read yet filter nothing. */
export const compileFilter = (filter: FleetFilter): ((device: Device) => boolean) => {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const labels = Object.entries(filter.labels === '' ? {} : (parseSelector(filter.labels) ?? {}));
  return (device) =>
    (filter.state === undefined || device.state === filter.state) &&
    (filter.model === undefined || device.model === filter.model) &&
    (filter.image === undefined || (device.assignment?.imageName ?? '-') === filter.image) &&
    (filter.health === undefined || device.health.status === filter.health) &&
    labels.every(([key, value]) => device.labels[key] === value) &&
    (words.length === 0 || words.every((word) => haystackOf(device).includes(word)));
};

/** By name, with numbers as numbers: pi-2 before pi-10. */
const byName = new Intl.Collator('en', { numeric: true }).compare;

export const sortFleet = (devices: readonly Device[]): readonly Device[] =>
  [...devices].sort((a, b) => byName(a.name, b.name));

/** How many boards are in each state. */
export const countStates = (devices: readonly Device[]): Readonly<Record<DeviceState, number>> => {
  const counts = Object.fromEntries(deviceStates.map((state) => [state, 0])) as Record<DeviceState, number>;
  for (const { state } of devices) counts[state] += 1;
  return counts;
};

/** Images that boards have, by name, for the list to choose from. */
export const imagesOf = (devices: readonly Device[]): readonly string[] =>
  [...new Set(devices.flatMap(({ assignment }) => (assignment === null ? [] : [assignment.imageName])))].sort(byName);
