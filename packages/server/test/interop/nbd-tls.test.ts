import { rm, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { clientFlags, infoData, option, request } from '../../../protocols/test/support/nbd-client.js';
import { readNbdTls } from '../../src/boot-plane/nbd-tls.js';
import type { NbdTlsSettings } from '../../src/listeners/nbd/index.js';
import { makeCertificates, type Certificates } from '../nbd/certificates.js';
import { createMemoryDisk, type MemoryDisk } from '../nbd/memory-disk.js';
import { optionTypes, rawClient, rawOver, type RawClient } from '../nbd/raw-client.js';
import { nbdsh, run, runWell, startNbd, type NbdLab } from './nbd-lab.js';

let made: Certificates;
beforeAll(async () => {
  made = await makeCertificates(await mkdtemp(join(tmpdir(), 'drover-nbd-tls-')));
});
afterAll(() => rm(made.folder, { recursive: true, force: true }));

const labs: NbdLab[] = [];
afterEach(async () => {
  await Promise.all(labs.splice(0).map((lab) => lab.stop()));
});

async function serve(
  required: boolean,
  options: NbdTlsSettings['options'] = {},
  disk: MemoryDisk = createMemoryDisk({ size: 8 << 20 }),
): Promise<{ lab: NbdLab; disk: MemoryDisk }> {
  const tls = { required, options: { cert: made.cert, key: made.key, ...options } };
  const lab = await startNbd({ disk }, { tls });
  labs.push(lab);
  return { lab, disk };
}

const secureUri = ({ port }: NbdLab): string => `nbds://localhost:${port}/disk?tls-certificates=${made.folder}`;
const qemu = ({ port }: NbdLab): string[] => [
  '--object',
  `tls-creds-x509,id=tls0,endpoint=client,dir=${made.folder}`,
  '--image-opts',
  `driver=nbd,host=localhost,port=${port},export=disk,tls-creds=tls0`,
];

describe.each([
  ['optional', false],
  ['required', true],
])('TLS %s', (_name, required) => {
  it('serves nbdinfo over TLS', async () => {
    const { lab } = await serve(required);
    const info = JSON.parse(await runWell('nbdinfo', '--json', secureUri(lab))) as Record<string, unknown>;
    expect(info).toMatchObject({ TLS: true, structured: true });
    expect(lab.opened).toMatchObject([{ tls: true }]);
    expect(lab.requests.every(({ tls }) => tls)).toBe(true);
  });

  it('serves qemu-img over TLS', async () => {
    const { lab } = await serve(required);
    expect(await runWell('qemu-img', 'info', ...qemu(lab))).toContain('virtual size: 8 MiB');
    expect(lab.opened.at(-1)).toMatchObject({ tls: true });
  });

  it('carries much data over TLS, many requests at once', async () => {
    const { lab, disk } = await serve(required);
    for (let at = 0; at < disk.size; at += 4) disk.bytes.writeUInt32BE(at, at);
    const before = Buffer.from(disk.bytes);
    const ok = await nbdsh<boolean>(`
import json
h.set_tls(nbd.TLS_REQUIRE)
h.set_tls_certificates('${made.folder}')
h.connect_uri('nbds://localhost:${lab.port}/disk')
chunk = 131072
buffers = [nbd.Buffer(chunk) for _ in range(64)]
for i, buffer in enumerate(buffers):
  h.aio_pread(buffer, chunk * i)
while h.aio_in_flight() > 0:
  h.poll(-1)
data = b''.join(bytes(buffer.to_bytearray()) for buffer in buffers)
for i in range(64):
  h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(data[chunk * i:chunk * i + chunk])[::-1]), chunk * i)
while h.aio_in_flight() > 0:
  h.poll(-1)
h.flush()
h.shutdown()
print(json.dumps(all(int.from_bytes(data[at:at+4], 'big') == at for at in range(0, len(data), 4))))
`);
    expect(ok).toBe(true);
    for (let at = 0; at < before.length; at += 131_072) before.subarray(at, at + 131_072).reverse();
    expect(disk.bytes.equals(before)).toBe(true);
    await vi.waitFor(() => expect(lab.closed).toMatchObject([{ by: 'disconnect', tls: true }]));
  });

  it('is not used by a client that does not trust our certificate', async () => {
    const { lab } = await serve(required);
    const elsewhere = await mkdtemp(join(tmpdir(), 'drover-nbd-tls-'));
    const other = await makeCertificates(elsewhere);
    const { code } = await run('nbdinfo', `nbds://localhost:${lab.port}/disk?tls-certificates=${other.folder}`);
    expect(code).not.toBe(0);
    expect(lab.requests).toHaveLength(0);
    await vi.waitFor(() => expect(lab.listener.active()).toEqual({ handshakes: 0, serving: 0 }));
    await rm(elsewhere, { recursive: true });
  });

  it('wants the client certificate it was told to want', async () => {
    const { lab } = await serve(required, { requestCert: true, ca: made.ca });
    expect(JSON.parse(await runWell('nbdinfo', '--json', secureUri(lab)))).toMatchObject({ TLS: true });
    const client = await securedClient(lab.port, { ca: made.ca });
    client.send(option(7, infoData('disk')));
    await client.closed;
    expect(lab.opened).toHaveLength(1);
  });
});

/** A client of our own that has gone through STARTTLS. */
async function securedClient(port: number, options: { ca: Buffer }): Promise<RawClient> {
  const raw = await rawClient(port);
  await raw.take(18);
  raw.send(clientFlags(3), option(5));
  await optionTypes(raw);
  raw.socket.removeAllListeners('data');
  const secure = connectTls({ socket: raw.socket, servername: 'localhost', ...options });
  secure.on('error', () => undefined);
  return rawOver(raw.socket, secure);
}

it('is required: a client without it gets nothing', async () => {
  const { lab } = await serve(true);
  const { code, stderr } = await run('nbdinfo', lab.uri('disk'));
  expect(code).not.toBe(0);
  expect(stderr).toContain('Operation not supported for export');
  expect((await run('qemu-img', 'info', lab.uri('disk'))).code).not.toBe(0);
  expect(lab.requests).toHaveLength(0);
});

it('is optional: a client without it is served', async () => {
  const { lab } = await serve(false);
  expect(JSON.parse(await runWell('nbdinfo', '--json', lab.uri('disk')))).toMatchObject({ TLS: false });
});

it('is off: a client that insists on it goes away, one that would like it is served', async () => {
  const lab = await startNbd({ disk: createMemoryDisk() });
  labs.push(lab);
  const insists = await run('nbdinfo', secureUri(lab));
  expect(insists.code).not.toBe(0);
  const served = await nbdsh<boolean>(`
import json
h.set_tls(nbd.TLS_ALLOW)
h.set_export_name('disk')
h.connect_tcp('localhost', '${lab.port}')
print(json.dumps(h.get_tls_negotiated()))
`);
  expect(served).toBe(false);
});

it('that goes wrong ends the connection and disturbs nobody', async () => {
  const { lab } = await serve(false);
  const raw = await rawClient(lab.port);
  await raw.take(18);
  raw.send(clientFlags(3), option(5));
  await optionTypes(raw);
  raw.send(Buffer.from('this is no TLS record, and never will be one'));
  await raw.closed;
  const silent = await rawClient(lab.port);
  await silent.take(18);
  silent.send(clientFlags(3), option(5));
  await optionTypes(silent);
  silent.close();
  expect(JSON.parse(await runWell('nbdinfo', '--json', secureUri(lab)))).toMatchObject({ TLS: true });
  await vi.waitFor(() => expect(lab.listener.active()).toEqual({ handshakes: 0, serving: 0 }));
});

it('may be half closed: what was asked for before is answered', async () => {
  const disk = createMemoryDisk({ size: 8 << 20, answers: 'held' });
  const { lab } = await serve(false, {}, disk);
  const client = await securedClient(lab.port, { ca: made.ca });
  client.send(option(7, infoData('disk')));
  await optionTypes(client);
  client.stream.end(request({ type: 0, length: 1 << 20 }));
  await vi.waitFor(() => expect(disk.held).toHaveLength(1));
  // Meanwhile the server has heard of the end.
  await runWell('nbdinfo', '--size', lab.uri('disk'));
  disk.held[0]!.finish();
  expect((await client.take(16 + (1 << 20))).readUInt32BE(0)).toBe(0x67446698);
  await client.closed;
});

it('cannot be smuggled into: bytes in the clear behind STARTTLS end the connection', async () => {
  const { lab } = await serve(false);
  const raw = await rawClient(lab.port);
  await raw.take(18);
  raw.send(Buffer.concat([clientFlags(3), option(5), option(8)]));
  await raw.closed;
  expect(raw.received()).toHaveLength(0);
});

it('is shut down in order when the server stops', async () => {
  const { lab } = await serve(false);
  const client = await securedClient(lab.port, { ca: made.ca });
  client.send(option(7, infoData('disk')));
  await optionTypes(client);
  client.send(request({ type: 0, length: 4096 }));
  expect((await client.take(16 + 4096)).readUInt32BE(0)).toBe(0x67446698);
  const ended = new Promise<void>((resolve) => client.socket.once('close', () => resolve()));
  await lab.stop();
  await ended;
  expect(lab.closed).toMatchObject([{ by: 'ended', tls: true, traffic: { readRequests: 1 } }]);
});

describe('certificates from the settings', () => {
  const wanted = (change: object = {}) => ({
    certificate: join(made.folder, 'server-cert.pem'),
    key: join(made.folder, 'server-key.pem'),
    required: false,
    ...change,
  });

  it('are read from their files, and serve', async () => {
    const tls = await readNbdTls(wanted());
    const { lab } = await serve(false, tls?.options);
    expect(await runWell('nbdinfo', '--size', secureUri(lab))).toBe('8388608\n');
    expect(await readNbdTls(undefined)).toBeUndefined();
  });

  it.each([
    ['certificate', { certificate: '/nowhere/cert.pem' }, 'ENOENT'],
    ['certificate', { certificate: '/etc/hostname' }, ''],
    ['key', { key: '/etc/hostname' }, ''],
    ['clientCa', { clientCa: '/etc/hostname' }, ''],
  ])('that cannot be used are told with setting and file: %s, %j', async (setting, change, why) => {
    const told = await readNbdTls(wanted(change)).catch((error: unknown) => String(error));
    expect(told).toContain(`boot.nbd.tls.${setting}: ${Object.values(change)[0] ?? ''} cannot be used: `);
    expect(told).toContain(why);
  });
});
