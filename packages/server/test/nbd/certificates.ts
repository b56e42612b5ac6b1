import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificates {
  /** A folder as GnuTLS clients (libnbd, qemu) want it: ca-cert.pem, client-cert.pem, client-key.pem. */
  readonly folder: string;
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** An authority, a server certificate for these names and one for a client, made by openssl. */
export async function makeCertificates(folder: string, names = 'DNS:localhost,IP:127.0.0.1'): Promise<Certificates> {
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]) => run('openssl', args);
  const key = (name: string): string[] => [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    at(name),
  ];
  await openssl(
    'req',
    '-x509',
    ...key('ca-key.pem'),
    '-out',
    at('ca-cert.pem'),
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
  );
  for (const [name, purpose] of [
    ['server', 'serverAuth'],
    ['client', 'clientAuth'],
  ]) {
    const [request, extensions] = [at(`${name}.csr`), at(`${name}.ext`)];
    await openssl('req', '-new', ...key(`${name}-key.pem`), '-out', request, '-subj', `/CN=${name}`);
    const lines = [`subjectAltName=${names}`, `extendedKeyUsage=${purpose}`, 'keyUsage=digitalSignature'];
    await writeFile(extensions, `${lines.join('\n')}\n`);
    const by = ['-CA', at('ca-cert.pem'), '-CAkey', at('ca-key.pem'), '-CAcreateserial', '-days', '2'];
    await openssl('x509', '-req', '-in', request, ...by, '-extfile', extensions, '-out', at(`${name}-cert.pem`));
  }
  const [ca, cert, serverKey] = await Promise.all(
    ['ca-cert.pem', 'server-cert.pem', 'server-key.pem'].map((name) => readFile(at(name))),
  );
  return { folder, ca: ca!, cert: cert!, key: serverKey! };
}
