/** Boot mode 7: boot.sig, then boot.img, over HTTP; the image must match its digest (wire reference, section 7). */
import { createHash } from 'node:crypto';
import { readBootSignature, signatureHolds, type BootSignature } from './boot-signature.js';
import { led, halt, type Stage } from './firmware-context.js';
import { textOf } from './firmware-files.js';
import { httpGet, type HttpFetch } from './http-client.js';
import type { Clock } from './clock.js';
import type { FileTransport } from './firmware-files.js';
import type { BoardIdentity } from './identity.js';

/** As seen in an access log: `rpiboot/1.0 (d03114; version:<8 hex>; ts:...)`. */
const userAgent = (identity: BoardIdentity, date: string): string => {
  const seconds = Math.floor(Date.parse(`${date}T00:00:00Z`) / 1000);
  return `rpiboot/1.0 (${identity.revision.toString(16)}; version:d1a0b2c3; ts:${seconds})`;
};

/** Fetches files below HTTP_PATH. */
export const bootModeTransport = (
  server: Omit<HttpFetch, 'path' | 'sink' | 'headers'> & { readonly folder: string },
  identity: BoardIdentity,
  date: string,
  clock: Clock,
  signal?: AbortSignal,
): FileTransport => {
  const { folder, ...target } = server;
  const base = folder.replace(/^\/+|\/+$/g, '');
  const headers = { 'user-agent': userAgent(identity, date) };
  return {
    name: 'http',
    request: (path, sink) => {
      const full = base === '' ? `/${path}` : `/${base}/${path}`;
      return httpGet({ ...target, headers, path: full, ...(sink === undefined ? {} : { sink }) }, clock, signal);
    },
  };
};

const check = (stage: Stage, signature: BootSignature, image: Buffer): void => {
  const refuse = (reason: string, message: string): never =>
    halt('boot-image', reason, message, `${led.generic}; screen: "boot.sig: ${reason}"`, stage.afterwards);
  const sha256 = createHash('sha256').update(image).digest('hex');
  if (sha256 !== signature.sha256) refuse('digest', 'boot.img does not have the SHA-256 of boot.sig');
  const key = stage.context.eeprom.publicKey;
  if (key === undefined) return;
  if (signature.signature === undefined) refuse('unsigned', 'boot.sig has no rsa2048 line, but the EEPROM holds a key');
  else if (!signatureHolds(image, signature.signature, key))
    refuse('signature', 'boot.img is not signed by the key in the EEPROM');
};

/**
 * Downloads and checks boot.img.
 * @throws FirmwareHalt when it is missing or does not match.
 */
export const fetchBootImage = async (stage: Stage): Promise<Buffer> => {
  const { files, afterwards } = stage;
  const signature = readBootSignature(textOf(await files.read('boot.sig', 'text')));
  if (signature === undefined)
    return halt('boot-image', 'no-signature', 'boot.sig is missing or malformed', led.generic, afterwards);
  const image = await files.read('boot.img', 'text');
  if (image?.bytes === undefined) return halt('boot-image', 'not-found', 'boot.img not found', led.generic, afterwards);
  check(stage, signature, image.bytes);
  return image.bytes;
};
