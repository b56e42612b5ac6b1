import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { environmentOf, exitOf, loopbackSettings, runDrover, startServer, until, type TestServer } from './server.js';

const drover = fileURLToPath(new URL('../../../cli/bin/drover.js', import.meta.url));

let folder: string;
const running: TestServer[] = [];
const start = async (options: Parameters<typeof startServer>[0] = {}): Promise<TestServer> => {
  const server = await startServer({ folder, ...options });
  running.push(server);
  return server;
};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-system-'));
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** One that has ended may stay listed until its parent asks how (proc(5), state Z): that of an orphan is init, which takes its time. */
const isAlive = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
};

describe('the first start', () => {
  it('shows the admin key on a terminal', async () => {
    const [dataDir, file] = [join(folder, 'data'), join(folder, 'drover.json')];
    await writeFile(file, JSON.stringify(await loopbackSettings(dataDir)));
    const command = [process.execPath, drover, 'serve', '--config', file].map((word) => `'${word}'`).join(' ');
    const options = { env: { ...environmentOf(folder), TERM: 'xterm' } };
    const terminal = spawn('script', ['-qfec', `exec ${command}`, '/dev/null'], { ...options, stdio: 'pipe' });
    const ended = once(terminal, 'close');
    let shown = '';
    terminal.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    try {
      await until('it has started', () => shown.includes('First start.'));
      await until('the key is there', () => shown.includes(readFileSync(join(dataDir, 'admin.key'), 'utf8').trim()));
    } finally {
      const [server] = readFileSync(`/proc/${terminal.pid}/task/${terminal.pid}/children`, 'utf8')
        .split(' ')
        .map(Number);
      if (server !== undefined) process.kill(server, 'SIGTERM');
      await ended;
    }
  });

  it('keeps the admin key out of what is logged, and private, and lets the command line in', async () => {
    const server = await start();
    const file = join(server.dataDir, 'admin.key');
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe('600');
    await until('it says where the key is', () => server.output().includes(`The admin key is in ${file}`));
    expect(server.output()).not.toContain(server.key);
    const home = environmentOf(folder);
    const who = await runDrover(['whoami', '--json'], { env: home });
    expect(JSON.parse(who.stdout)).toMatchObject({ server: server.url, context: 'local', role: 'admin' });
    expect(((await stat(join(folder, '.config/drover/cli.yaml'))).mode & 0o777).toString(8)).toBe('600');
    expect(await server.stop()).toBe(0);

    const again = await start();
    expect(again.output()).not.toContain(server.key);
    expect(again.key).toBe(server.key);
    const starts = async () => (await again.client.events.list({ query: { type: 'server.started' } })).items;
    await expect.poll(starts).toHaveLength(2);
    const { version } = await again.client.server.get();
    expect((await starts()).map(({ data }) => data)).toEqual([{ version }, { version }]);
  });

  it('leaves the context of another server as it is', async () => {
    const file = join(folder, '.config/drover/cli.yaml');
    const contexts = { current: 'local', contexts: { local: { server: 'http://other:8080', key: 'drv_other' } } };
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, stringify(contexts));
    const server = await start();
    await until('it says so', () => server.output().includes('drover login'));
    expect(await readFile(file, 'utf8')).toContain('drv_other');
    expect(await readFile(file, 'utf8')).not.toContain(server.key);
  });
});

describe('a stop', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends both planes, with exit code 0 and nothing left', async (signal) => {
    const server = await start();
    const pids = [await server.pidOf('control'), await server.pidOf('boot')];
    server.process.kill(signal);
    expect(await exitOf(server.process)).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('ends event streams and answers what is under way', async () => {
    const server = await start();
    const stream = await fetch(`${server.url}/api/v2/events`, {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${server.key}` },
    });
    const text = stream.text();
    server.process.kill('SIGTERM');
    expect(await exitOf(server.process)).toBe(0);
    expect(await text).toContain(': hello');
  });
});

describe('one data folder', () => {
  it('is for one server: the second one is refused by name', async () => {
    const server = await start();
    const other = await runDrover(['serve', '--config', join(folder, 'drover.yaml')], { env: environmentOf(folder) });
    expect(other.code).toBe(4);
    expect(other.stderr).toContain(`${server.dataDir} is in use by another drover server (process ${server.pid})`);
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  it('is taken over after kill -9 of the whole server, and what was acknowledged is there', async () => {
    const server = await start();
    const device = await server.client.devices.create({ body: { name: 'kept', mac: '02:00:00:00:00:01' } });
    const pids = [await server.pidOf('control'), await server.pidOf('boot')];
    for (const pid of [server.pid, ...pids]) process.kill(pid, 'SIGKILL');
    await exitOf(server.process);
    const again = await start();
    expect((await again.client.devices.get({ params: { ref: 'kept' } })).id).toBe(device.id);
  });

  it('is taken over when only the supervisor was killed: its planes notice and end, the next server waits for them', async () => {
    const server = await start();
    const pids = [await server.pidOf('control'), await server.pidOf('boot')];
    server.process.kill('SIGKILL');
    await exitOf(server.process);
    const again = await start();
    expect(pids.filter(isAlive)).toEqual([]);
    expect((await again.client.server.get()).name).toBe('drover');
  });
});

describe('the planes', () => {
  it.each(['control', 'boot'] as const)(
    'a killed %s plane comes back, the other one does not notice',
    async (plane) => {
      const server = await start();
      const other = plane === 'control' ? 'boot' : 'control';
      const before = { killed: await server.pidOf(plane), other: await server.pidOf(other) };
      await server.kill(plane, 'SIGKILL');
      await until('it is another process', async () => {
        const now = await server.pidOf(plane).catch(() => before.killed);
        return now !== before.killed;
      });
      await server.ready();
      expect(await server.pidOf(other)).toBe(before.other);
    },
  );

  it('SIGHUP reads the settings again for the control plane, and only for it', async () => {
    const server = await start();
    const boot = await server.pidOf('boot');
    const control = await server.pidOf('control');
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
    const file = join(folder, 'drover.yaml');
    const settings = JSON.parse(await readFile(join(folder, 'drover.json'), 'utf8')) as { http: object };
    await writeFile(file, JSON.stringify({ ...settings, http: { ...settings.http, openMetrics: true } }));
    await server.kill('supervisor', 'SIGHUP');
    await until('the control plane is another process', async () => {
      const now = await server.pidOf('control').catch(() => control);
      return now !== control;
    });
    await server.ready();
    expect((await fetch(`${server.url}/metrics`)).status).toBe(200);
    expect(await server.pidOf('boot')).toBe(boot);

    await writeFile(file, 'nonsense: true\n');
    await server.kill('supervisor', 'SIGHUP');
    await until('the mistake is logged', () => server.output().includes('nonsense is not a setting'));
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });
});

describe('a start that cannot be', () => {
  const serve = async (text: string): Promise<{ code: number | null; stderr: string }> => {
    const file = join(folder, 'bad.yaml');
    await writeFile(file, text);
    return runDrover(['serve', '--config', file], { env: environmentOf(folder) });
  };

  it('names the line of a bad setting and ends with 2', async () => {
    const { code, stderr } = await serve(`dataDir: ${folder}/data\nboot:\n  tfpt:\n    port: 69\n`);
    expect(code).toBe(2);
    expect(stderr).toContain('bad.yaml:3: boot.tfpt is not a setting. Did you mean boot.tftp?');
  });

  it('names a port that is taken, and ends both planes', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const settings = { ...(await loopbackSettings(join(folder, 'data'))), http: { listen: [`127.0.0.1:${port}`] } };
    const { code, stderr } = await serve(JSON.stringify(settings));
    server.close();
    expect(code).toBe(4);
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${port} (EADDRINUSE)`);
    expect(stderr).toContain('Another program listens there');
  });
});
