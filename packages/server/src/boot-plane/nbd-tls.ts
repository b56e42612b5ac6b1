import type { Settings } from '../config.js';
import type { NbdTlsSettings } from '../listeners/nbd/index.js';
import { readAuthority, readTlsFiles } from './tls-files.js';

type Wanted = NonNullable<Settings['boot']['nbd']['tls']>;

/** Reads what the settings name, once, and sees whether it fits together. Throws TlsFileError. */
export async function readNbdTls(wanted: Wanted | undefined): Promise<NbdTlsSettings | undefined> {
  if (wanted === undefined) return undefined;
  const pair = await readTlsFiles('boot.nbd.tls', wanted);
  const { clientCa } = wanted;
  const ca = clientCa === undefined ? undefined : await readAuthority('boot.nbd.tls.clientCa', clientCa);
  return { required: wanted.required, options: { ...pair, ...(ca === undefined ? {} : { ca, requestCert: true }) } };
}
