import { X509Certificate } from 'node:crypto';
import { refusal, RefusedError } from '@drover/contract';
import { cardConfText, type CardLines } from '../settings/card-conf.js';
import { firmwareOf, readBootSet, type CardFile } from './boot-set.js';

/** What a card that updates itself is made of. */
export interface SelfUpdatingCard {
  /** Files of a boot partition; only what is firmware is taken: bootcode.bin, start*.elf, fixup*.dat. */
  readonly firmware: readonly CardFile[];
  /** The archive of a set of boot files, as the server makes it. */
  readonly set: Buffer;
  readonly settings: CardLines;
  /** The server's public key, in signify's form. */
  readonly publicKey: string;
  /** Certificates in PEM that the one of an https server must be of. */
  readonly authority?: string | undefined;
}

export type SetName = 'a' | 'b';

const pointerSize = 512;
/** Firmware reads lines up to 98 characters. */
const longestFiller = 63;

/** The file that says which set is started. One sector, so that it can be overwritten at once; `device/lib/pointer` writes the same bytes. */
export function pointerText(set: SetName): string {
  let text = `os_prefix=drover/${set}/\ninclude drover/${set}/config.txt\n`;
  while (text.length < pointerSize) {
    const left = pointerSize - text.length;
    text += `${'#'.repeat(Math.min(left - 1, longestFiller))}\n`;
  }
  return text;
}

/** Throws request.invalid unless it is a public key of signify: a comment, and base64 of `Ed`, 8 bytes of number and 32 of key. */
function requirePublicKey(text: string): string {
  const [, encoded] = /^untrusted comment: [^\n]*\n([A-Za-z0-9+/]+={0,2})\n?$/.exec(text) ?? [];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  if (bytes.length === 42 && bytes.subarray(0, 2).toString('latin1') === 'Ed') return text.replace(/\n?$/, '\n');
  throw new RefusedError(
    refusal('request.invalid', 'The public key of the server is no key of signify.', {
      remedy: 'Take what `drover card key` prints.',
    }),
  );
}

/** As long as the board reads. */
const maxAuthorityBytes = 65_536;

/** Throws request.invalid unless it is nothing but certificates in PEM. */
function requireAuthority(text: string): string {
  const certificate = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
  const found = text.match(certificate) ?? [];
  const isOne = (pem: string): boolean => {
    try {
      return new X509Certificate(pem).ca;
    } catch {
      return false;
    }
  };
  if (found.length > 0 && found.every(isOne) && !text.includes('PRIVATE KEY') && text.length <= maxAuthorityBytes)
    return `${found.join('\n')}\n`;
  throw new RefusedError(
    refusal('request.invalid', 'The authority of the server is no file of CA certificates in PEM.', {
      remedy:
        'Name the certificate that the one of the server was made with (basicConstraints CA:TRUE), without its key.',
    }),
  );
}

const noFirmware = (): RefusedError =>
  new RefusedError(
    refusal('image.unsupported', 'The image has no firmware for a card: no start*.elf.', {
      remedy: 'Name an image for Raspberry Pis, with a whole boot partition.',
    }),
  );

/** All files of a card that updates itself, which starts set a. Throws RefusedError. */
export function selfUpdatingFiles({ firmware, set, settings, publicKey, authority }: SelfUpdatingCard): CardFile[] {
  const blobs = firmwareOf(firmware);
  if (!blobs.some(({ path }) => /^start.*\.elf$/i.test(path))) throw noFirmware();
  const text = (path: string, content: string): CardFile => ({ path, bytes: Buffer.from(content) });
  return [
    ...blobs,
    text('config.txt', '[all]\ninclude drover/boot.txt\n'),
    text('tryboot.txt', '[all]\ninclude drover/try.txt\n'),
    text('drover/boot.txt', pointerText('a')),
    text('drover/try.txt', pointerText('a')),
    text('drover/card.pub', requirePublicKey(publicKey)),
    ...(authority === undefined ? [] : [text('drover/card.ca', requireAuthority(authority))]),
    ...(settings.size === 0 ? [] : [text('drover/card.conf', cardConfText(settings))]),
    ...readBootSet(set).map(({ path, bytes }) => ({ path: `drover/a/${path}`, bytes })),
  ];
}
