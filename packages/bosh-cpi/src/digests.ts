import { createHash } from 'node:crypto';
import { labelOf } from './names.js';

// Keys, and names with a digest in them, that a repeated call makes again as they were. Pure. Apart from the other names as loading node:crypto takes a twentieth of the start of a call.

const digest = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** An Idempotency-Key for one step of one call. */
export const idempotencyKey = (...parts: readonly unknown[]): string => `bosh-${digest(...parts).slice(0, 48)}`;

/** Images that a director had imported: it may delete these, and no others. */
const imagePrefix = (director: string): string => `bosh-${digest(director).slice(0, 8)}-`;
export const isImportedBy = (director: string, image: string): boolean => image.startsWith(imagePrefix(director));

/** What a stemcell is called on the server: the same content under another name or version is another stemcell. `sha256` is of the file. */
export const imageNameOf = (
  director: string,
  stemcell: { readonly name: string; readonly version: string },
  sha256: string,
): { readonly name: string; readonly version: string } => {
  const prefix = imagePrefix(director);
  const version = stemcell.version.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replaceAll(/^[^A-Za-z0-9]+/g, '');
  return {
    name: `${prefix}${labelOf(stemcell.name, 63 - prefix.length)}`,
    version: `${version === '' ? '0' : version}-${sha256.slice(0, 12)}`,
  };
};
