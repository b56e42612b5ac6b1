import { ImageError } from '../errors.js';

/** The upper half of code page 437, which Linux and the Pi's firmware use for short names. */
const upperHalf =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

const lowerBase = 0x08;
const lowerExtension = 0x10;

function decodeField(bytes: Uint8Array, lower: boolean): string {
  let text = '';
  for (const byte of bytes) text += byte < 0x80 ? String.fromCharCode(byte) : (upperHalf[byte - 0x80] as string);
  text = text.replace(/ +$/u, '');
  return lower ? text.toLowerCase() : text;
}

/** The 8.3 name of a directory entry. `flags` are the NT bits that say which half is lower case. */
export function decodeShortName(raw: Uint8Array, flags: number): string {
  const bytes = new Uint8Array(raw.subarray(0, 11));
  // A leading E5 would mean "deleted", so it is kept as 05.
  if (bytes[0] === 0x05) bytes[0] = 0xe5;
  const base = decodeField(bytes.subarray(0, 8), (flags & lowerBase) !== 0);
  const extension = decodeField(bytes.subarray(8, 11), (flags & lowerExtension) !== 0);
  return extension === '' ? base : `${base}.${extension}`;
}

/** Checksum of the 8.3 name that ties long-name entries to it (Microsoft FAT specification 1.03, section 7.2). */
export function shortNameChecksum(raw: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < 11; i++) sum = (((sum & 1) << 7) + (sum >>> 1) + (raw[i] as number)) & 0xff;
  return sum;
}

/** Throws `image.name-unsafe` for a name that could leave its folder or confuse what prints or serves it. */
export function requireSafeName(name: string, parent: string): void {
  const why = unsafeBecause(name);
  if (why === undefined) return;
  throw new ImageError(
    'image.name-unsafe',
    `A name in ${parent || 'the root folder'} ${why}: ${JSON.stringify(name)}`,
    {
      remedy: 'Rename the file on the card, or write the image again.',
    },
  );
}

function unsafeBecause(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (/^\.+$/u.test(name)) return 'is made of dots only';
  if (/[/\\]/u.test(name)) return 'has a slash';
  // eslint's no-control-regex is met by testing code points.
  for (const character of name) {
    const point = character.codePointAt(0) as number;
    if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return 'has a control character';
    if (point >= 0xd800 && point < 0xe000) return 'is not valid UTF-16';
  }
  return undefined;
}

/** What names are compared by: letters without case, one code unit for one, as FAT does. */
export function foldCase(name: string): string {
  if (/^[ -~]*$/u.test(name)) return name.toUpperCase();
  let folded = '';
  for (const unit of name.split('')) {
    const upper = unit.toUpperCase();
    folded += upper.length === 1 ? upper : unit;
  }
  return folded;
}
