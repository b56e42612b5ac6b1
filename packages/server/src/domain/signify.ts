import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';

/**
 * Keys and signed messages as OpenBSD's signify(1) reads and writes them: a comment line, then one line of base64 that holds the letters `Ed`, eight bytes that
 * tell keys apart, and an Ed25519 key or signature (RFC 8032).
 */
export interface SigningKey {
  /** Eight bytes in hex: which key signed. */
  readonly number: string;
  /** Private and public part as in a JSON Web Key (RFC 8037). */
  readonly d: string;
  readonly x: string;
}
export type PublicKey = Pick<SigningKey, 'number' | 'x'>;

const commentMark = 'untrusted comment: ';
const algorithm = Buffer.from('Ed');
const numberBytes = 8;
const headBytes = algorithm.length + numberBytes;

const lineOf = (number: string, bytes: Uint8Array): string =>
  Buffer.concat([algorithm, Buffer.from(number, 'hex'), bytes]).toString('base64');

/** The second line of a public key's file. */
export const publicKeyLine = ({ number, x }: PublicKey): string => lineOf(number, Buffer.from(x, 'base64url'));

/** A public key's file. */
export const publicKeyFile = (key: PublicKey, comment: string): string =>
  `${commentMark}${comment}\n${publicKeyLine(key)}\n`;

/** A message with its signature in front of it, as `signify -V -e` takes it apart. `message` ends with a line end. */
export function signMessage({ number, d, x }: SigningKey, comment: string, message: string): string {
  const key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x }, format: 'jwk' });
  const signature = sign(null, Buffer.from(message), key);
  return `${commentMark}${comment}\n${lineOf(number, signature)}\n${message}`;
}

/** The message, when this key signed it; undefined otherwise. */
export function verifyMessage({ number, x }: PublicKey, signed: string): string | undefined {
  const [, line, message] = /^untrusted comment: [^\n]*\n([^\n]*)\n([\s\S]*)$/.exec(signed) ?? [];
  if (line === undefined || message === undefined) return undefined;
  const bytes = Buffer.from(line, 'base64');
  if (!bytes.subarray(0, headBytes).equals(Buffer.concat([algorithm, Buffer.from(number, 'hex')]))) return undefined;
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, Buffer.from(message), key, bytes.subarray(headBytes)) ? message : undefined;
}
