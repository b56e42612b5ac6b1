import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBoardShell, createLoopbackServer, type BoardShell, type LoopbackServer } from './initramfs-shell.js';

let board: BoardShell;
let server: LoopbackServer | undefined;
beforeEach(async () => {
  board = await createBoardShell();
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  await board.dispose();
});

type Handler = Parameters<typeof createLoopbackServer>[0];

async function serve(handle: Handler): Promise<string> {
  server = await createLoopbackServer(handle);
  return server.url;
}

const withHttp = (url: string, script: string, parts: readonly string[] = []) =>
  board.sh(`session=bs_1\nhttp_server ${url}\n${script}`, ['base', 'http', ...parts]);

const show = 'echo "$http_status $(http_reason http)"; cat "$run/http.body"';

describe('the small HTTP client', () => {
  test.each([
    ['http://10.0.0.5:8080', '10.0.0.5:8080|10.0.0.5|8080|'],
    ['http://10.0.0.5', '10.0.0.5|10.0.0.5|80|'],
    ['http://a-b.example:1/base/', 'a-b.example:1|a-b.example|1|/base'],
  ])('takes %s apart', async (url, parts) => {
    const { stdout } = await withHttp(url, 'echo "$http_authority|$http_address|$http_port|$http_base"');
    expect(stdout.trim()).toBe(parts);
  });

  test.each(['https://10.0.0.5', 'http://', 'ftp://x', '10.0.0.5', 'http://a$(id)', 'http://a:b', 'http://-;x'])(
    'refuses %s',
    async (url) => {
      expect((await board.sh(`http_server '${url}' && echo good`, ['base', 'http'])).stdout).toBe('');
    },
  );

  test('sends method, path, credential and body, and gives status and body back', async () => {
    const url = await serve((request, body, response) => {
      const { authorization, host, connection } = request.headers;
      response.end(`${request.method} ${request.url} ${authorization} ${host} ${connection} ${body}`);
    });
    await writeFile(join(board.run, 'form'), 'a=1&b=2');
    const { stdout } = await withHttp(
      `${url}/base`,
      `http_auth='Bearer x'; http POST /p?q=1 "$run/form" text/plain; ${show}`,
    );
    const host = url.slice('http://'.length);
    expect(stdout).toBe(`200 HTTP 200\nPOST /base/p?q=1 Bearer x ${host} close a=1&b=2`);
  });

  test('waits for an answer that takes a while', async () => {
    const url = await serve((_request, _body, response) => void setTimeout(() => response.end('late'), 1500));
    expect((await withHttp(url, `http GET /; ${show}`)).stdout).toBe('200 HTTP 200\nlate');
  });

  test('knows what a refusal says and when to come back', async () => {
    const url = await serve((_request, _body, response) =>
      response
        .writeHead(503, { 'Retry-After': '7', 'Content-Type': 'application/problem+json' })
        .end(JSON.stringify({ title: 'x', detail: 'packing: 10 %' })),
    );
    const { stdout } = await withHttp(url, 'http GET / || echo "$http_status $http_retry_after $(http_reason http)"');
    expect(stdout).toBe('503 7 HTTP 503: packing: 10 %\n');
  });

  test('takes an answer that is cut short for none', async () => {
    const url = await serve((request, _body, response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('half', () => request.socket.destroy());
    });
    expect((await withHttp(url, 'http GET / || echo "$http_status $(http_reason http)"')).stdout).toBe(
      '000 no answer\n',
    );
  });

  test('takes no server for no answer', async () => {
    expect((await withHttp('http://127.0.0.1:9', 'http GET / || echo "$http_status"')).stdout).toBe('000\n');
  });

  test('gives up on a server that says nothing', async () => {
    const url = await serve(() => undefined);
    expect((await withHttp(url, 'http_limit=1; http GET / || echo "$http_status"')).stdout).toBe('000\n');
  });

  test('is not impressed by an endless body', async () => {
    const url = await serve((_request, _body, response) => {
      response.writeHead(200);
      const more = (): void => void (response.destroyed || response.write(Buffer.alloc(65_536, 'x'), more));
      more();
    });
    const { stdout } = await withHttp(url, 'http GET /; wc -c <"$run/http.body"');
    expect(stdout.trim()).toBe('1048576');
  });

  test('goes on with a download where it was, and starts over when the server does', async () => {
    const bytes = Buffer.from('0123456789');
    const url = await serve((request, _body, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      if (request.url === '/ranges' && from > 0) response.writeHead(206).end(bytes.subarray(from));
      else if (request.url === '/refused') response.writeHead(403).end('no');
      else response.end(bytes);
    });
    const download = async (path: string, there: string) => {
      const script = `printf %s '${there}' >"$run/file"; http_download slot ${path} "$run/file" ${there.length} & wait $!; http_read_answer slot; echo "$http_status $(cat "$run/file")"`;
      return (await withHttp(url, script)).stdout.trim();
    };
    expect(await download('/ranges', '')).toBe('200 0123456789');
    expect(await download('/ranges', '0123')).toBe('206 0123456789');
    expect(await download('/whole', '0123')).toBe('200 0123456789');
    expect(await download('/refused', '0123')).toBe('403 0123');
  });
});

describe('reports', () => {
  const reports: string[] = [];
  beforeEach(() => void (reports.length = 0));
  const collect =
    (status: () => number): Handler =>
    (request, body, response) => {
      const query = new URL(request.url ?? '', 'http://x').searchParams;
      const answer = status();
      if (answer < 500)
        reports.push(`${query.get('step')} ${query.get('state')} ${query.get('message')}${body && ` ${body}`}`);
      response.writeHead(answer).end();
    };

  test('made without a network are sent in order once there is one', async () => {
    const url = await serve(collect(() => 204));
    const script = `report start start 'a & b = "c" 100 %'; report start ok; echo "sent $(wc -l <"$run/queue")"
      reporting=yes; report network ok 10.0.0.9; wc -l <"$run/queue"`;
    const { stdout } = await withHttp(url, script, ['report']);
    expect(stdout).toBe('sent 2\n0\n');
    expect(reports).toEqual(['start start a & b = "c" 100 %', 'start ok ', 'network ok 10.0.0.9']);
  });

  test('are kept while the server is away, and do not hold up the boot', async () => {
    const answers = [500, 204, 204, 204, 204];
    const url = await serve(collect(() => answers.shift() ?? 204));
    const script = `reporting=yes; report a start; report b start; echo "$report_queued"; report_retry_at=0; report c start; echo "$report_queued"`;
    const { stdout } = await withHttp(url, script, ['report']);
    expect(stdout).toBe('2\n0\n');
    expect(reports).toEqual(['a start ', 'b start ', 'c start ']);
    expect(answers).toHaveLength(1);
  });

  test('that are refused are not sent for ever', async () => {
    const url = await serve(collect(() => 403));
    const { stdout } = await withHttp(url, 'reporting=yes; report a start; echo "$report_queued"', ['report']);
    expect(stdout).toBe('0\n');
    expect(reports).toHaveLength(1);
  });

  test('are not more than the queue holds', async () => {
    const script = 'n=0; while [ $n -lt 320 ]; do report a progress x; n=$((n + 1)); done; wc -l <"$run/queue"';
    expect((await withHttp('http://127.0.0.1:9', script, ['report'])).stdout.trim()).toBe('300');
  });

  test('carry the end of a log', async () => {
    const url = await serve(collect(() => 204));
    await writeFile(join(board.run, 'big'), `${'x'.repeat(70_000)}the end`);
    await withHttp(url, 'reporting=yes; report_log verify initramfs "$run/big"', ['report']);
    expect(reports[0]).toMatch(/^verify info null x+the end$/);
    expect(reports[0]?.length).toBeLessThan(60_100);
  });
});

describe('the lease', () => {
  test('becomes an address, a route and a file that is read like any answer', async () => {
    const lease = {
      ...{ interface: 'eth0', ip: '10.0.0.9', mask: '24', router: '10.0.0.1 10.0.0.2', dns: '10.0.0.1 9.9.9.9' },
      ...{ serverid: '10.0.0.1', lease: '3600', RUN_DIR: board.run },
    };
    await board.sh('ip() { echo "$*" >>"$run/ip.log"; }; set -- bound; . "$lib/udhcpc-script"', [], lease);
    expect(await readFile(join(board.run, 'ip.log'), 'utf8')).toBe(
      [
        'addr add 10.0.0.9/24 broadcast + dev eth0',
        '-4 -o addr show dev eth0',
        'route replace default via 10.0.0.1 dev eth0\n',
      ].join('\n'),
    );
    const had = `ip() { echo "$*" >>"$run/ip.log"; [ "$2" != -o ] || printf 'inet 10.0.0.9/24\\ninet 10.0.0.7/24\\n'; }`;
    await board.sh(`${had}; set -- bound; . "$lib/udhcpc-script"`, [], lease);
    // The one it had goes when it has the new one.
    expect(await readFile(join(board.run, 'ip.log'), 'utf8')).toContain(
      'show dev eth0\naddr del 10.0.0.7/24 dev eth0\nroute',
    );
    const { stdout } = await board.sh('for key in address router dns; do value_of $key "$run/lease.eth0"; done');
    expect(stdout).toBe('10.0.0.9\n10.0.0.1\n10.0.0.1,9.9.9.9\n');
  });

  test.each([
    ['drover.hostname=herd-7 quiet', / -x hostname:herd-7$/],
    ['quiet', /udhcpc-script$/],
    ['drover.hostname=a;b', /udhcpc-script$/],
  ])('is asked for with the name of the command line: %s', async (cmdline, wanted) => {
    await writeFile(join(board.run, 'cmdline'), `${cmdline}\n`);
    await board.sh('cmdline_file="$run/cmdline"; udhcpc() { echo "$*" >"$run/asked"; exit; }; dhcp_client eth0', [
      'base',
      'net',
    ]);
    expect((await readFile(join(board.run, 'asked'), 'utf8')).trim()).toMatch(wanted);
  });

  test('is asked for on wired interfaces only', async () => {
    const add = async (name: string, files: Record<string, string>) => {
      for (const [file, text] of Object.entries(files)) {
        await mkdir(join(board.dir, 'sys/class/net', name, file, '..'), { recursive: true });
        await writeFile(join(board.dir, 'sys/class/net', name, file), text);
      }
    };
    await add('eth0', { type: '1\n', 'device/x': '', carrier: '1\n' });
    await add('usb0', { type: '1\n', 'device/x': '', carrier: '0\n' });
    await add('wlan0', { type: '1\n', 'device/x': '', 'phy80211/x': '' });
    await add('lo', { type: '772\n' });
    await add('br0', { type: '1\n' });
    const { stdout } = await board.sh(
      'wired_interfaces; for name in eth0 usb0 none; do has_link $name && echo "link $name"; done; true',
      ['base', 'net'],
    );
    expect(stdout).toBe('eth0\nusb0\nlink eth0\n');
  });
});

describe('memory', () => {
  test('is compared with the root before it is fetched', async () => {
    const file = join(board.dir, 'meminfo');
    await writeFile(file, 'MemTotal: 500000 kB\nMemAvailable:     200000 kB\n');
    const ask = (size: number) => board.sh(`meminfo_file=${file}\nram_fits ${size} && echo fits`, ['base', 'root-ram']);
    expect((await ask(100_000_000)).stdout).toBe('fits\n');
    expect((await ask(180_000_000)).stdout).toMatch(/it takes 180 MB and the system 51 MB, 205 MB are free/);
  });
});

describe('up', () => {
  /** Questions for data disks, with what they were asked with. */
  const asked: string[] = [];
  async function runUp(init: string, systemctl?: string, mode = 'ram'): Promise<string[]> {
    const seen: string[] = [];
    asked.length = 0;
    const url = await serve((request, _body, response) => {
      const query = new URL(request.url ?? '', 'http://x').searchParams;
      // What follows the list of disks is begun too, and asks for it (initramfs-disks).
      if (/\/disks\?/.test(request.url ?? '')) asked.push(`${request.url} ${request.headers.authorization}`);
      if (query.get('step') !== null && query.get('log') === null)
        seen.push(
          `${query.get('step')} ${query.get('state')} ${query.get('message')} ${request.headers.authorization}`,
        );
      response.writeHead(204).end();
    });
    const runtime = join(board.dir, 'runtime');
    await mkdir(runtime, { mode: 0o777 });
    await chmod(runtime, 0o777);
    await symlink(join(board.dir, 'applets'), join(runtime, 'bin'));
    await symlink(join(board.device, 'lib'), join(runtime, 'lib'));
    const state = { url, session: 'bs_1', credential: 'secret', init, mode };
    await writeFile(
      join(runtime, 'state'),
      Object.entries(state)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    if (systemctl !== undefined)
      await writeFile(join(board.dir, 'applets/systemctl'), `#!/bin/sh\n${systemctl}`, { mode: 0o755 });
    const { code } = await board.exec(join(runtime, 'lib/../lib/up'), [], {});
    expect(code).toBe(0);
    return seen;
  }

  test('is reported by an init without states as soon as it starts us', async () => {
    const seen = await runUp('busybox');
    expect(seen[0]).toBe('switch ok  Bearer secret');
    expect(seen[1]).toMatch(/^up ok \S+ Bearer secret$/);
  });

  test.each(['ram', 'stream', 'nbd', 'nfs', 'sd'])(
    'in root mode %s asks for data disks, by which the server knows that the board lives',
    async (mode) => {
      await runUp('busybox', undefined, mode);
      for (let i = 0; i < 100 && asked.length === 0; i += 1) await new Promise((resolve) => setTimeout(resolve, 50));
      expect(asked[0]).toBe('/device/v1/sessions/bs_1/disks?known=&has=&busy= Bearer secret');
    },
  );

  test('waits for systemd to be done', async () => {
    const seen = await runUp(
      'systemd',
      `case $1 in is-system-running) n=$(cat ${board.dir}/n 2>/dev/null); echo x$n >${board.dir}/n; [ "$n" = xx ] && echo running || echo starting ;; esac`,
    );
    expect(seen[1]).toMatch(/^up ok \S+, running Bearer/);
  });

  test('names the units that failed', async () => {
    const seen = await runUp(
      'systemd',
      'case $1 in is-system-running) echo degraded; exit 1 ;; list-units) echo "a.service loaded failed failed A"; echo "b.mount loaded failed failed B" ;; esac',
    );
    expect(seen[1]).toMatch(/^up ok \S+, degraded, failed: a.service b.mount {2}Bearer/);
  });

  test('is a failure in the emergency shell', async () => {
    const seen = await runUp(
      'systemd',
      'case $1 in is-system-running) echo maintenance; exit 1 ;; list-units) echo "boot.mount loaded failed failed" ;; esac',
    );
    expect(seen[1]).toMatch(/^up failed .*the system is in its emergency shell, failed: boot.mount/);
  });
});
