import { createServer, type Server } from 'node:https';
import { cp, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeCertificates, type Certificates } from '../nbd/certificates.js';
import { createBoardShell, type BoardShell } from './initramfs-shell.js';
import { run, startLab, type NetbootLab } from './netboot-lab.js';

// Requests of a card through TLS, with this machine's openssl in the place of the card's.

let certificates: Certificates;
let others: Certificates;
let lab: NetbootLab;
beforeAll(async () => {
  certificates = await makeCertificates(await mkdtemp(join(tmpdir(), 'drover-card-tls-')));
  others = await makeCertificates(await mkdtemp(join(tmpdir(), 'drover-card-tls-')));
  const at = (name: string): string => join(certificates.folder, name);
  lab = await startLab({ tls: { certificate: at('server-cert.pem'), key: at('server-key.pem') } });
});
afterAll(async () => {
  await lab.close();
  for (const { folder } of [certificates, others]) await rm(folder, { recursive: true });
});

let board: BoardShell;
let server: Server | undefined;
beforeEach(async () => {
  board = await createBoardShell();
  const lib = join(board.device, 'lib');
  await mkdir(join(lib, 'perl'));
  await mkdir(join(lib, 'card'));
  // The loader's words are the card's: `--library-path FOLDERS PROGRAM`.
  await writeFile(join(lib, 'perl/ld.so'), '#!/bin/sh\nshift 2\nexec "$@"\n', { mode: 0o755 });
  await symlink('/usr/bin/openssl', join(lib, 'card/openssl'));
  await cp(join(certificates.folder, 'ca-cert.pem'), join(lib, 'card.ca'));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await board.dispose();
});

async function serve(
  handle: (url: string, body: string, respond: (bytes: string | Buffer, head?: Record<string, string>) => void) => void,
  { pair = certificates, host = '127.0.0.1' }: { pair?: { cert: Buffer; key: Buffer }; host?: string } = {},
): Promise<string> {
  const made = createServer(pair, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () =>
      handle(`${request.method} ${request.url}`, Buffer.concat(chunks).toString(), (bytes, head = {}) => {
        response.writeHead(Number(head['status'] ?? 200), { ...head, 'content-length': Buffer.byteLength(bytes) });
        response.end(bytes);
      }),
    );
  });
  server = made;
  await new Promise<void>((resolve) => made.listen(0, host, resolve));
  return `https://${host}:${(made.address() as AddressInfo).port}`;
}

const ask = (url: string, script: string) => board.sh(`session=bs_1\nhttp_server ${url}\n${script}`, ['base', 'http']);
const show = 'echo "$http_status $(http_reason http)"; cat "$run/http.body"';

/** Programs that use this board's runtime. */
async function running(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      const at = await readlink(`/proc/${pid}/exe`).catch(() => '');
      return words.includes(board.dir) ? `${at} ${words.replaceAll('\0', ' ')}` : '';
    }),
  );
  return lines.filter((line) => line.includes('openssl'));
}

describe('a card that names an authority', () => {
  test('asks the boot plane through TLS', async () => {
    const { stdout, stderr } = await ask(lab.httpsUrl() ?? '', `http GET /healthz; ${show}`);
    expect([stdout, stderr]).toEqual(['200 HTTP 200\nok\n', '']);
  });

  test('sends what it has to say, whatever it begins with, and is answered', async () => {
    const url = await serve((what, body, respond) => respond(`${what} ${body}`));
    for (const text of ['Quit\n', 'R\n', 'a=1&b=2', 'Q']) {
      await writeFile(join(board.run, 'form'), text);
      const { stdout } = await ask(url, `http POST /p "$run/form" text/plain; ${show}`);
      expect(stdout).toBe(`200 HTTP 200\nPOST /p ${text}`);
    }
  });

  test('downloads every byte, many times over', async () => {
    const root = Buffer.alloc(3_000_003, 'some bytes of a root, ');
    const url = await serve((_what, _body, respond) => respond(root));
    const { stdout } = await ask(
      url,
      `for turn in 1 2 3 4 5 6 7 8; do (http_download part /root "$run/part" 0); wc -c <"$run/part"; done`,
    );
    expect(stdout.trim().split('\n')).toEqual(Array.from({ length: 8 }, () => '3000003'));
    expect((await readFile(join(board.run, 'part'))).equals(root)).toBe(true);
    await expect.poll(running, { timeout: 10_000 }).toEqual([]);
  });

  test('does not talk to a server with a certificate of somebody else, or for another address', async () => {
    const heard: string[] = [];
    const stranger = await serve(
      (what, _body, respond) => {
        heard.push(what);
        respond('hello');
      },
      { pair: others },
    );
    const refused = await ask(stranger, `http_auth='Bearer secret'; http GET /p; ${show}`);
    expect(refused.stdout).toMatch(
      /^000 no answer: the certificate of the server: (self-signed certificate|unable to get)/,
    );
    server?.close();
    const elsewhere = await serve(
      (what, _body, respond) => {
        heard.push(what);
        respond('hello');
      },
      { host: '127.0.0.2' },
    );
    const { stdout } = await ask(elsewhere, `http GET /p; ${show}`);
    expect(stdout).toBe('000 no answer: the certificate of the server: IP address mismatch\n');
    expect(heard).toEqual([]);
  });

  test('goes by no dates: a board has no clock before it was told the time', async () => {
    const dated = await mkdtemp(join(tmpdir(), 'drover-card-tls-'));
    const at = (name: string): string => join(dated, name);
    const [ca, caKey] = ['ca-cert.pem', 'ca-key.pem'].map((name) => join(certificates.folder, name));
    await run('openssl', [
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      at('key'),
      '-out',
      at('csr'),
      '-subj',
      '/CN=x',
    ]);
    await writeFile(at('ext'), 'subjectAltName=IP:127.0.0.1\n');
    await run('openssl', [
      ...['x509', '-req', '-in', at('csr'), '-CA', ca!, '-CAkey', caKey!, '-CAcreateserial', '-extfile', at('ext')],
      ...['-days', '-1', '-out', at('cert')],
    ]);
    const pair = { cert: await readFile(at('cert')), key: await readFile(at('key')) };
    const url = await serve((_what, _body, respond) => respond('hello'), { pair });
    expect((await ask(url, `http GET /p; ${show}`)).stdout).toBe('200 HTTP 200\nhello');
    await rm(dated, { recursive: true });
  });

  test('leaves nothing running where a download was ended in its middle', async () => {
    const url = await serve(() => undefined);
    const { stdout } = await ask(
      url,
      `http_download part /root "$run/part" 0 & pid=$!; sleep 2; kill "$pid"; wait "$pid"; echo "$?"`,
    );
    expect(stdout.trim()).toBe('143');
    await expect.poll(running, { timeout: 10_000 }).toEqual([]);
    expect((await readdir(board.run)).filter((name) => /\.(up|down)$/.test(name))).toEqual([]);
  });

  test('is not led out into the open', async () => {
    let location = 'http://192.0.2.1/p';
    const url = await serve((_what, _body, respond) => respond('', { status: '308', location }));
    const follow = `http GET /p; http_follow /p && echo followed; echo "$http_authority"`;
    const { stdout } = await ask(url, `url=${url}; ${follow}`);
    expect(stdout.trim()).toBe(new URL(url).host);
    location = 'https://192.0.2.1/p';
    expect((await ask(url, `url=${url}; ${follow}`)).stdout).toBe('followed\n192.0.2.1\n');
  });

  test('and no other, takes an https address', async () => {
    const takes = async (url: string): Promise<string> =>
      (
        await board.sh(`http_server ${url} && echo "$http_address $http_port $http_tls"`, ['base', 'http'])
      ).stdout.trim();
    expect(await takes('https://192.0.2.1')).toBe('192.0.2.1 443 yes');
    expect(await takes('http://192.0.2.1')).toBe('192.0.2.1 80');
    await rm(join(board.device, 'lib/card.ca'));
    expect(await takes('https://192.0.2.1')).toBe('');
  });
});
