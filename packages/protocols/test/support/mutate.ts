type Random = (below: number) => number;

const interesting = [0, 1, 2, 3, 4, 5, 8, 52, 53, 54, 64, 127, 128, 254, 255];

function splice(bytes: Uint8Array, at: number, remove: number, insert: ArrayLike<number>): Uint8Array {
  const removed = Math.min(remove, bytes.length - at);
  const spliced = new Uint8Array(bytes.length - removed + insert.length);
  spliced.set(bytes.subarray(0, at));
  spliced.set(insert, at);
  spliced.set(bytes.subarray(at + removed), at + insert.length);
  return spliced;
}

const anyByte = (random: Random): number => (random(2) === 0 ? interesting[random(interesting.length)]! : random(256));

const anyBytes = (random: Random, most: number): number[] =>
  Array.from({ length: random(most) }, () => anyByte(random));

/** Changes that know nothing of the packet's structure. */
const blind: readonly ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  (bytes, random) => splice(bytes, random(bytes.length), 1, [anyByte(random)]),
  (bytes, random) => bytes.subarray(0, random(bytes.length + 1)),
  (bytes, random) => splice(bytes, bytes.length, 0, anyBytes(random, 64)),
  (bytes, random) => splice(bytes, random(bytes.length), random(8), anyBytes(random, 8)),
  (bytes, random) => {
    const from = random(bytes.length);
    return splice(bytes, random(bytes.length), 0, bytes.subarray(from, from + random(64)));
  },
];

interface Span {
  readonly at: number;
  readonly length: number;
}

/** Zero-terminated strings of a TFTP packet. */
function strings(bytes: Uint8Array): Span[] {
  const spans: Span[] = [];
  let start = 2;
  for (let at = 2; at < bytes.length; at += 1) {
    if (bytes[at] !== 0) continue;
    spans.push({ at: start, length: at + 1 - start });
    start = at + 1;
  }
  return spans;
}

/** Options of a DHCP message with their two leading bytes. */
function options(bytes: Uint8Array): Span[] {
  const spans: Span[] = [];
  for (let at = 240; at + 1 < bytes.length && bytes[at] !== 255;) {
    const length = bytes[at] === 0 ? 1 : 2 + bytes[at + 1]!;
    spans.push({ at, length });
    at += length;
  }
  return spans;
}

const pick = <T>(from: readonly T[], random: Random): T | undefined => from[random(from.length)];

/** Repeats, drops, swaps and grows the parts a packet is made of. */
function shuffleParts(bytes: Uint8Array, spans: readonly Span[], random: Random): Uint8Array {
  const one = pick(spans, random);
  const other = pick(spans, random);
  if (!one || !other) return bytes;
  const part = bytes.subarray(one.at, one.at + one.length);
  switch (random(4)) {
    case 0:
      return splice(bytes, other.at, 0, part);
    case 1:
      return splice(bytes, one.at, one.length, []);
    case 2:
      return splice(bytes, other.at, other.length, part);
    default:
      return splice(bytes, one.at + Math.min(1, one.length), 0, anyBytes(random, 300));
  }
}

/** A TFTP packet with one to four changes. */
export function mutateTftp(bytes: Uint8Array, random: Random): Uint8Array {
  let mutated = bytes;
  for (let i = random(4); i >= 0; i -= 1) {
    mutated =
      random(2) === 0 && mutated.length > 2
        ? shuffleParts(mutated, strings(mutated), random)
        : pick(blind, random)!(mutated, random);
  }
  return mutated;
}

/** Option 52 with options in the fields it names, right or wrong. */
function overload(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 241) return bytes;
  const mutated = splice(bytes, 240, 0, [52, 1, random(5)]);
  mutated.set([61, random(256), ...anyBytes(random, 32)].slice(0, 60), 44);
  mutated.set([97, random(256), ...anyBytes(random, 64)].slice(0, 120), 108);
  return mutated;
}

/** A DHCP message with one to four changes. */
export function mutateDhcp(bytes: Uint8Array, random: Random): Uint8Array {
  let mutated = bytes;
  for (let i = random(4); i >= 0; i -= 1) {
    const spans = options(mutated);
    const kind = random(6);
    const span = pick(spans, random);
    if (kind === 0) mutated = overload(mutated, random);
    else if (kind === 1 && span) mutated = splice(mutated, span.at + 1, 1, [anyByte(random)]);
    else if (kind === 2 && span) mutated = splice(mutated, span.at, 1, [anyByte(random)]);
    else if (kind < 5) mutated = shuffleParts(mutated, spans, random);
    else mutated = pick(blind, random)!(mutated, random);
  }
  return mutated;
}

/** Options and requests of an NBD client's session, each whole with its data. */
function messages(bytes: Uint8Array): Span[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const spans: Span[] = [];
  for (let at = 4; at + 28 <= bytes.length;) {
    const option = view.getUint32(at) === 0x49484156;
    const payload = !option && view.getUint16(at + 6) === 1 ? view.getUint32(at + 24) : 0;
    const length = option ? 16 + view.getUint32(at + 12) : 28 + payload;
    spans.push({ at, length });
    at += length;
  }
  return spans;
}

const nbdNumbers = [0, 1, 2, 511, 512, 4096, 65_535, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_ffff];

/** Puts a number of 16 or 32 bits where a field may be: those of a message begin at even places. */
function putField(bytes: Uint8Array, { at, length }: Span, random: Random): Uint8Array {
  const place = at + 2 * random(Math.min(length, 28) >> 1);
  const value = random(2) === 0 ? random(2 ** 32) : nbdNumbers[random(nbdNumbers.length)]!;
  const field = [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff].slice(
    random(2) === 0 ? 2 : 0,
  );
  return splice(bytes, place, field.length, field);
}

/** A session with one to four changes; most keep the magic numbers, or hardly anything would be read behind them. */
export function mutateNbd(bytes: Uint8Array, random: Random): Uint8Array {
  let mutated = bytes;
  for (let i = random(4); i >= 0; i -= 1) {
    const spans = messages(mutated);
    const span = pick(spans, random);
    const kind = random(8);
    if (!span || kind === 0) mutated = pick(blind, random)!(mutated, random);
    else if (kind < 3) mutated = shuffleParts(mutated, spans, random);
    else mutated = putField(mutated, { at: span.at + 4, length: span.length - 4 }, random);
  }
  return mutated;
}
