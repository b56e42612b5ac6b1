/** boot.sig and pieeprom.sig: the digest file next to an image (wire reference, sections 6 and 7). */
import { createVerify, type KeyLike } from 'node:crypto';

export interface BootSignature {
  /** 64 lowercase hex digits of the image. */
  readonly sha256: string;
  /** `ts:`, Unix seconds. */
  readonly timestamp?: number;
  /** `rsa2048:`, RSA PKCS#1 v1.5 over SHA-256 of the image. */
  readonly signature?: Buffer;
}

/** Undefined when the first line is no SHA-256. */
export const readBootSignature = (bytes: Buffer): BootSignature | undefined => {
  const lines = bytes
    .toString('latin1')
    .split(/\r?\n/)
    .map((line) => line.trim());
  const sha256 = lines[0]?.toLowerCase() ?? '';
  if (!/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  const after = (key: string, pattern: RegExp): string | undefined =>
    lines.map((line) => pattern.exec(line)).find((match) => match?.[0].startsWith(key) === true)?.[1];
  const timestamp = after('ts', /^ts:\s*(\d{1,15})$/);
  const signature = after('rsa2048', /^rsa2048:\s*([0-9a-fA-F]{512})$/);
  return {
    sha256,
    ...(timestamp === undefined ? {} : { timestamp: Number(timestamp) }),
    ...(signature === undefined ? {} : { signature: Buffer.from(signature, 'hex') }),
  };
};

/** True when the signature is the key's over these bytes. */
export const signatureHolds = (image: Buffer, signature: Buffer, publicKey: KeyLike): boolean =>
  createVerify('RSA-SHA256').update(image).verify(publicKey, signature);
