/** overlays/overlay_map.dtb: a flattened device tree that says which overlay file a name means on which chip (device tree specification 5). */

const magic = 0xd00dfeed;
const token = { beginNode: 1, endNode: 2, property: 3, nothing: 4, end: 9 };

/** Properties of each node directly below the root; a property without a value is the empty string. */
export type OverlayMap = ReadonlyMap<string, ReadonlyMap<string, string>>;

const cString = (bytes: Buffer, at: number): string => {
  const end = bytes.indexOf(0, at);
  return bytes.subarray(at, end === -1 ? bytes.length : end).toString('latin1');
};

const aligned = (at: number): number => Math.ceil(at / 4) * 4;

/** Nothing at all when the bytes are no device tree, or a broken one: the firmware then goes without a map. */
export const readOverlayMap = (tree: Buffer): OverlayMap => {
  const map = new Map<string, Map<string, string>>();
  if (tree.length < 40 || tree.readUInt32BE(0) !== magic) return map;
  const strings = tree.readUInt32BE(12);
  const path: string[] = [];
  let at = tree.readUInt32BE(8);
  const take = (): number => {
    const value = tree.readUInt32BE(at);
    at += 4;
    return value;
  };
  const readProperty = (): void => {
    const length = take();
    const name = cString(tree, strings + take());
    const value = cString(tree.subarray(at, at + length), 0);
    at = aligned(at + length);
    if (path.length === 2) map.get(path[1] ?? '')?.set(name, value);
  };
  const beginNode = (): void => {
    const name = cString(tree, at);
    at = aligned(at + name.length + 1);
    path.push(name);
    if (path.length === 2) map.set(name, new Map());
  };
  while (at + 4 <= tree.length) {
    const kind = take();
    if (kind === token.beginNode) beginNode();
    else if (kind === token.endNode) path.pop();
    else if (kind === token.property && at + 8 <= tree.length) readProperty();
    else if (kind !== token.nothing) break;
  }
  return map;
};

/** The overlay file's name on this chip; undefined when the map says there is none for it. */
export const overlayOnChip = (map: OverlayMap, name: string, chip: string): string | undefined => {
  const node = map.get(name);
  if (node === undefined) return name;
  const renamed = node.get('renamed');
  if (renamed !== undefined) return renamed;
  const platform = chip === 'bcm2837' ? 'bcm2835' : chip;
  const value = node.get(platform);
  return value === '' ? name : value;
};
