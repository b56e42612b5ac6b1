import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { Settings } from '../config.js';
import type { NbdTlsSettings } from '../listeners/nbd/index.js';

type Wanted = NonNullable<Settings['boot']['nbd']['tls']>;

/** A certificate or key that cannot be used: names the setting and the file. */
export class TlsFileError extends Error {
  constructor(setting: string, path: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`boot.nbd.tls.${setting}: ${path} cannot be used: ${why}`, { cause });
    this.name = 'TlsFileError';
  }
}

/** Reads what the settings name, once, and sees whether it fits together. Throws TlsFileError. */
export async function readNbdTls(wanted: Wanted | undefined): Promise<NbdTlsSettings | undefined> {
  if (wanted === undefined) return undefined;
  const cert = await read('certificate', wanted.certificate);
  const key = await read('key', wanted.key);
  const ca = wanted.clientCa === undefined ? undefined : await read('clientCa', wanted.clientCa);
  check('certificate', wanted.certificate, () => new X509Certificate(cert));
  check('key', wanted.key, () => createSecureContext({ cert, key }));
  if (ca !== undefined) check('clientCa', wanted.clientCa ?? '', () => new X509Certificate(ca));
  return { required: wanted.required, options: { cert, key, ...(ca === undefined ? {} : { ca, requestCert: true }) } };
}

const read = (setting: string, path: string): Promise<Buffer> =>
  readFile(path).catch((error: unknown) => {
    throw new TlsFileError(setting, path, error);
  });

function check(setting: string, path: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw new TlsFileError(setting, path, error);
  }
}
