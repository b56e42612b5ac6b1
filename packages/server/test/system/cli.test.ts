import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { environmentOf, freePort, runDrover, startServer, until, type Finished, type TestServer } from './server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(async () => {
  await server.stop();
});

const json = async <T = Record<string, unknown>>(...args: string[]): Promise<T> => {
  const { code, stdout, stderr } = await server.cli(...args, '--json');
  if (code !== 0) throw new Error(`drover ${args.join(' ')}: ${code}\n${stderr}`);
  return JSON.parse(stdout) as T;
};

/** A board that asks for a file, as the boot plane hears it: it is discovered, and its boot has a timeline. */
const seeBoard = async (prefix: string): Promise<string> => {
  await fetch(`${server.bootUrl}/netboot/${prefix}/config.txt`);
  await until(`${prefix} is discovered`, async () => {
    const found = await server.client.devices.list();
    return found.items.some((device) => device.bootPrefix === prefix);
  });
  return `pi-${prefix}`;
};

describe('every command gives JSON', () => {
  it('devices', async () => {
    const made = await json('device', 'create', '--name', 'vm-1', '--mac', '52-54-00-12-34-56', '--label', 'rack=a');
    expect(made).toMatchObject({ name: 'vm-1', mac: '52:54:00:12:34:56', labels: { rack: 'a' }, state: 'available' });
    expect(await json('device', 'label', 'vm-1', 'rack=b', 'floor=2')).toMatchObject({
      labels: { rack: 'b', floor: '2' },
    });
    expect(await json('device', 'label', 'vm-1', 'floor-')).toMatchObject({ labels: { rack: 'b' } });
    expect(await json('device', 'rename', 'vm-1', 'vm-2')).toMatchObject({ name: 'vm-2' });
    expect(await json('device', 'show', '52:54:00:12:34:56')).toMatchObject({ name: 'vm-2' });
    expect(await json<object[]>('device', 'list', '--label', 'rack=b')).toHaveLength(1);
    expect(await json<object[]>('device', 'list', '--health', 'silent')).toHaveLength(0);
    expect(await json<object[]>('device', 'list', '--health', 'unknown')).toHaveLength(1);
    expect(await json('device', 'delete', 'vm-2')).toEqual({ deleted: 'vm-2' });
    const board = await seeBoard('91cdf03d');
    expect(await json<object[]>('device', 'list', '--state', 'discovered')).toHaveLength(1);
    expect(await json('device', 'adopt', board, '--name', 'sign')).toMatchObject({ name: 'sign', state: 'available' });
  });

  it('boots', async () => {
    await seeBoard('0000beef');
    const sessions = await json<{ id: string; device: string }[]>('boot', 'sessions', 'pi-0000beef');
    expect(sessions).toHaveLength(1);
    await until('the file is on the timeline', async () => {
      const shown = await json<{ timeline: { entry: { type: string } }[] }>('boot', 'show', sessions[0]?.id ?? '');
      return shown.timeline.some(({ entry }) => entry.type === 'http.file');
    });
  });

  it('access', async () => {
    const key = await json<{ id: string; key: string }>('key', 'create', 'ci', '--role', 'reader', '--expires', '1d');
    expect(key.key).toMatch(/^drv_/);
    expect((await json<object[]>('key', 'list')).length).toBe(2);
    expect(await json('key', 'revoke', key.id)).toEqual({ revoked: key.id });
    const tenant = await json<{ id: string }>('tenant', 'create', 'signage');
    expect(await json<object[]>('tenant', 'list')).toContainEqual(expect.objectContaining({ id: tenant.id }));
    const theirs = await json<{ tenant: string }>('key', 'create', 'theirs', '--tenant', 'signage');
    expect(theirs.tenant).toBe(tenant.id);
    expect((await json<object[]>('audit', '--limit', '3')).length).toBe(3);
    expect(await json('whoami')).toMatchObject({ server: server.url, role: 'admin', version: '0.1.0' });
  });

  it('jobs, blobs, images, settings, completion', async () => {
    const job = await json<{ id: string; state: string }>('blob', 'verify');
    expect(job.state).toBe('succeeded');
    expect((await json('blob', 'collect', '--no-wait'))['kind']).toBe('blob.collect');
    expect(await json('job', 'show', job.id)).toMatchObject({ id: job.id });
    expect(await json('job', 'watch', job.id)).toMatchObject({ state: 'succeeded' });
    expect((await json<object[]>('job', 'list')).length).toBeGreaterThan(0);
    expect(await json('image', 'list')).toEqual([]);
    const settings = await json<{ key: string; origin: string }[]>(
      'settings',
      '--config',
      join(server.folder, 'drover.yaml'),
    );
    expect(settings.find(({ key }) => key === 'dataDir')?.origin).toMatch(/drover\.yaml:1$/);
    expect(await json('completion', 'bash')).toMatchObject({ shell: 'bash' });
    expect(await json('context', 'list')).toContainEqual(expect.objectContaining({ name: 'local', current: true }));
  });

  it('events, one a line', async () => {
    const { stdout } = await server.cli('events', '--type', 'tenant.created', '--json');
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['tenant.created']));
  });
});

describe('mistakes', () => {
  const cases: [name: string, args: string[], code: number, text: string][] = [
    ['not there', ['device', 'show', 'nobody'], 3, 'There is no device nobody'],
    ['its remedy', ['device', 'show', 'nobody'], 3, 'See `drover device list`'],
    ['a field', ['device', 'create', '--mac', 'xyz'], 2, 'mac is not a MAC like dc:a6:32:01:36:c2.\n'],
    ['no value of a list', ['device', 'list', '--state', 'x'], 2, 'Write one of: discovered, available'],
    ['no health', ['device', 'list', '--health', 'x'], 2, 'Write one of: healthy, failing, silent, unknown'],
    ['no right', ['device', 'list', '--key', 'drv_wrong'], 5, 'The API key is not known'],
    ['no command', ['devise', 'list'], 2, "unknown command 'devise'"],
    ['no option', ['device', 'list', '--sate', 'x'], 2, "unknown option '--sate'"],
    ['no choice', ['provision', '--image', 'a:1'], 2, 'Give exactly one of --device, --label and --any.'],
    ['no file', ['image', 'import', '/none/such.img'], 2, 'There is no file /none/such.img'],
    ['a path outside', ['image', 'import', '--path', '/etc/passwd', '--name', 'a:1'], 2, 'importFrom'],
  ];
  it.each(cases)(
    '%s',
    async (_name, args, code, text) => {
      const result = await server.cli(...args);
      expect(result.stderr).toContain(text);
      expect(result.stdout).toBe('');
      expect(result.code).toBe(code);
    },
    60_000,
  );

  it('no server', async () => {
    const { code, stderr } = await server.cli('device', 'list', '--server', `http://127.0.0.1:${await freePort()}`);
    expect(stderr).toContain('cannot be reached (ECONNREFUSED)');
    expect(code).toBe(6);
  });

  it('are problems as JSON too', async () => {
    const { code, stdout } = await server.cli('device', 'show', 'nobody', '--json');
    expect([code, JSON.parse(stdout)]).toMatchObject([3, { code: 'device.not-found', status: 404 }]);
    const usage = await server.cli('device', 'list', '--limit', 'x', '--json');
    expect([usage.code, JSON.parse(usage.stdout)]).toMatchObject([2, { code: 'request.invalid' }]);
  });
});

describe('login', () => {
  it('asks for a key that works, stores it, and is what later commands use', async () => {
    const env = environmentOf(join(server.folder, 'other-home'));
    const wrong = await runDrover(['login', server.url], { env, input: `drv_${'x'.repeat(43)}\n` });
    expect(wrong.code).toBe(5);
    const right = await runDrover(['login', server.url, '--name', 'lab'], { env, input: `${server.key}\n` });
    expect(right.stdout).toContain('stored as lab');
    expect(right.stdout + right.stderr).not.toContain(server.key);
    expect((await runDrover(['whoami', '--json'], { env })).stdout).toContain('"context": "lab"');
    expect((await runDrover(['context', 'delete', 'lab'], { env })).code).toBe(0);
    expect((await runDrover(['whoami', '--server', server.url], { env })).code).toBe(5);
  });
});

describe('watching', () => {
  it('shows a boot as it happens and ends politely at Ctrl-C', async () => {
    const stop = new AbortController();
    const watched = runDrover(['boot', 'watch', '--json'], {
      env: environmentOf(server.folder, { DROVER_SERVER: server.url, DROVER_KEY: server.key }),
      signal: stop.signal,
    });
    await until('somebody watches', async () => {
      const metrics = await fetch(`${server.url}/metrics`, { headers: { 'x-api-key': server.key } });
      return (await metrics.text()).includes('drover_http_event_streams 1');
    });
    await seeBoard('00c0ffee');
    await new Promise((resolve) => setTimeout(resolve, 3000));
    stop.abort();
    const { code, stdout } = await watched;
    const messages = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { seq: number; entry: { type: string } });
    expect(messages.map(({ entry }) => entry.type)).toEqual(expect.arrayContaining(['session.opened', 'http.file']));
    expect(messages.map(({ seq }) => seq)).toEqual(messages.map((_, index) => index + 1));
    expect(code).toBe(0);
  });
});

describe('importing a file', () => {
  const importing = (file: string, signal?: AbortSignal): Promise<Finished> =>
    runDrover(['image', 'import', file, '--name', 'garbage:1'], {
      env: environmentOf(server.folder, { DROVER_SERVER: server.url, DROVER_KEY: server.key }),
      ...(signal === undefined ? {} : { signal }),
    });

  it('goes on after Ctrl-C where it stopped, and says why the bytes are no image', async () => {
    const file = join(server.folder, 'garbage.img');
    const bytes = randomBytes(96 * 1024 * 1024);
    await writeFile(file, bytes);
    const stop = new AbortController();
    const first = importing(file, stop.signal);
    let id = '';
    await until('a part is on the server', async () => {
      const notes = JSON.parse(
        await readFile(join(server.folder, '.local/state/drover/uploads.json'), 'utf8').catch(() => '{}'),
      ) as Record<string, string>;
      id = Object.values(notes)[0] ?? '';
      if (id === '') return false;
      return (await server.client.uploads.get({ params: { id } })).offset > 0;
    });
    stop.abort();
    const { code, stderr } = await first;
    expect([code, stderr]).toEqual([130, expect.stringContaining('The same command goes on where it stopped.')]);
    const { offset } = await server.client.uploads.get({ params: { id } });
    expect(offset).toBeGreaterThan(0);
    const second = await importing(file);
    expect(second.stderr).toContain('Going on where the upload was interrupted.');
    expect(second.code).toBe(2);
    expect(second.stderr).toMatch(/image|partition/i);
    expect(await json('image', 'list')).toEqual([]);
  });

  it('is refused when the bytes are others than expected', async () => {
    const file = join(server.folder, 'other.img');
    await writeFile(file, randomBytes(1024 * 1024));
    const digest = createHash('sha256').update('something else').digest('hex');
    const { code, stderr } = await server.cli('image', 'import', file, '--name', 'other:1', '--sha256', digest);
    expect(code).toBe(2);
    expect(stderr).toContain('sha256');
  });
});

it('completes in bash', async () => {
  const { stdout } = await server.cli('completion', 'bash');
  const script = join(server.folder, 'completion.bash');
  await writeFile(script, stdout);
  const ask = 'source "$1"; COMP_WORDS=(drover device ad); COMP_CWORD=2; _drover; echo "${COMPREPLY[@]}"';
  const shell = spawn('bash', ['-c', ask, 'bash', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of shell.stdout) text += String(chunk);
  expect(text.trim()).toBe('adopt');
});
