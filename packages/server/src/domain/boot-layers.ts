import { pathText, type BootDocument, type EffectiveBootConfig, type JsonPath } from '@drover/contract';

/** One layer that says something. */
export interface SpokenLayer {
  readonly ref: string;
  readonly version: number;
  /** false: what is below it does not count, and what it says is taken as it stands. */
  readonly inherits: boolean;
  readonly document: BootDocument;
}

/** A value, and the number of the layer that said it. */
type Node =
  | { readonly from: number; readonly members: ReadonlyMap<string, Node> }
  | { readonly from: number; readonly leaf: unknown };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An empty value says nothing where something is said below. */
const isEmpty = (value: unknown): boolean => value === '' || (isObject(value) && Object.keys(value).length === 0);

/** As it stands, null included. */
const verbatim = (value: unknown, from: number): Node =>
  isObject(value)
    ? { from, members: new Map(Object.entries(value).map(([name, each]) => [name, verbatim(each, from)])) }
    : { from, leaf: value };

/** `value` laid over what is below; undefined: nothing is left. */
const over = (below: Node | undefined, value: unknown, from: number): Node | undefined => {
  if (value === null) return undefined;
  if (isEmpty(value) && below !== undefined) return below;
  if (!isObject(value)) return { from, leaf: value };
  const members = new Map(below !== undefined && 'members' in below ? below.members : []);
  for (const [name, each] of Object.entries(value)) put(members, name, over(members.get(name), each, from));
  return { from, members };
};

const put = (members: Map<string, Node>, name: string, node: Node | undefined): void => {
  if (node === undefined) members.delete(name);
  else members.set(name, node);
};

const imageFiles = ['initfs', 'rootfs'] as const;

/** An address goes with its digests: these are never of two layers. */
const fileOver = (below: Node | undefined, file: BootDocument['initfs'], from: number): Node | undefined => {
  if (file === null) return undefined;
  return file === undefined || file.url === '' ? below : verbatim(file, from);
};

/** An image takes the place of files that layers below name; a file that is named takes the place of the image's. */
const layOver = (below: ReadonlyMap<string, Node>, document: BootDocument, from: number): Map<string, Node> => {
  const members = new Map(below);
  if (document.image !== undefined && document.image !== '' && document.image !== null) {
    for (const name of imageFiles) members.delete(name);
  }
  for (const name of imageFiles) put(members, name, fileOver(members.get(name), document[name], from));
  for (const name of ['image', 'bootcode', 'usercode', 'config'] as const) {
    const value = document[name];
    if (value !== undefined) put(members, name, over(members.get(name), value, from));
  }
  return members;
};

const valueOf = (node: Node): unknown =>
  'members' in node
    ? Object.fromEntries([...node.members].map(([name, each]) => [name, valueOf(each)]))
    : structuredClone(node.leaf);

interface Leaf {
  readonly path: JsonPath;
  readonly node: Node;
}

const leavesOf = (path: JsonPath, node: Node): Leaf[] =>
  'members' in node && node.members.size > 0
    ? [...node.members].flatMap(([name, each]) => leavesOf([...path, name], each))
    : [{ path, node }];

/** Those that count: from the last on that does not inherit. */
const counting = (layers: readonly SpokenLayer[]): readonly SpokenLayer[] =>
  layers.slice(Math.max(0, layers.map(({ inherits }) => inherits).lastIndexOf(false)));

/** What comes of layers, the lowest first. Objects are merged, other values replace what is below, null removes it. */
export function mergeLayers(layers: readonly SpokenLayer[]): EffectiveBootConfig {
  const those = counting(layers);
  const merged = those.reduce<ReadonlyMap<string, Node>>((below, { document, inherits }, from) => {
    const own = verbatim(document, from);
    return inherits ? layOver(below, document, from) : new Map('members' in own ? own.members : []);
  }, new Map());
  const leaves = [...merged].flatMap(([name, node]) => leavesOf([name], node));
  return {
    layers: those.map(({ ref, version }) => ({ ref, version })),
    document: Object.fromEntries([...merged].map(([name, node]) => [name, valueOf(node)])),
    values: leaves.map(({ path, node }) => ({
      path: pathText(path),
      value: valueOf(node),
      layer: those[node.from]?.ref ?? '',
    })),
  };
}

/** A group of devices by labels. */
export interface Group {
  readonly selector: string;
  readonly priority: number;
}

/** The order of groups that fit a device: by priority, then those with fewer labels, then by name. The last has the last word. */
export const compareGroups = (a: Group, b: Group): number =>
  a.priority - b.priority ||
  a.selector.split(',').length - b.selector.split(',').length ||
  (a.selector < b.selector ? -1 : Number(a.selector > b.selector));

/** `b=2,a=1` and `a=1,b=2` are one group. */
export const plainSelector = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');

export const fitsLabels = (
  wanted: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean => Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
