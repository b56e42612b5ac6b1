import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

/** A certificate or key that cannot be used: names the setting and the file. */
export class TlsFileError extends Error {
  constructor(setting: string, path: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`${setting}: ${path} cannot be used: ${why}`, { cause });
    this.name = 'TlsFileError';
  }
}

interface TlsFiles {
  /** Paths of files in PEM. */
  readonly certificate: string;
  readonly key: string;
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

/** Reads certificate and key that the settings at this place name, and sees whether they fit together. Throws TlsFileError. */
export async function readTlsFiles(setting: string, wanted: TlsFiles): Promise<{ cert: Buffer; key: Buffer }> {
  const cert = await read(`${setting}.certificate`, wanted.certificate);
  const key = await read(`${setting}.key`, wanted.key);
  check(`${setting}.certificate`, wanted.certificate, () => new X509Certificate(cert));
  check(`${setting}.key`, wanted.key, () => createSecureContext({ cert, key }));
  return { cert, key };
}

/** The certificate of an authority. Throws TlsFileError. */
export async function readAuthority(setting: string, path: string): Promise<Buffer> {
  const ca = await read(setting, path);
  check(setting, path, () => new X509Certificate(ca));
  return ca;
}
