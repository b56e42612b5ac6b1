import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BootSession, Device } from '@drover/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheDir } from '../../../../e2e/inputs/cache.js';
import { createCardPress, fileSource } from './crash/card.js';
import { freePort, startServer, until, type Finished, type TestServer } from './server.js';

// `drover simulate` against the built server with a real image: firmware over DHCP and TFTP, then the device API up to "up".

const boards = 6;
let folder: string;
let server: TestServer;
let dhcpPort: number;

interface Line {
  readonly type: string;
  readonly serial: string;
  readonly up: boolean;
  readonly failure?: string;
  readonly [field: string]: unknown;
}

const simulate = (...args: string[]): Promise<Finished> =>
  server.cli('simulate', '--dhcp-port', String(dhcpPort), '--tftp-port', String(server.tftpPort), ...args);
const linesOf = ({ stdout }: Finished): Line[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
const fleet = ['--fleet', String(boards), '--seed', '7'];

const importCard = async (): Promise<void> => {
  const card = await (await createCardPress(folder)).make('img', 'simulate');
  const upload = await server.client.upload(fileSource(card.path, card.size), { filename: 'card.img' });
  const source = { kind: 'upload', upload: upload.id } as const;
  const image = await server.client.images.create({ body: { name: 'card', version: '1', source } });
  const job = await server.client.waitForJob(image.job ?? '');
  if (job.state !== 'succeeded') throw new Error(`import: ${JSON.stringify(job.error)}`);
};

const devices = async (): Promise<Device[]> => {
  const found: Device[] = [];
  for await (const device of server.client.each('listDevices', {})) found.push(device);
  return found;
};

const lastSession = async (ref: string): Promise<BootSession> => {
  const { lastSession: id } = await server.client.devices.get({ params: { ref } });
  return server.client.sessions.get({ params: { id: id ?? '' } });
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-simulate-'));
  const [tftp, proxyPort, clientPort] = [await freePort('udp'), await freePort('udp'), await freePort('udp')];
  dhcpPort = await freePort('udp');
  server = await startServer({
    settings: {
      helpers: { cacheDir: join(cacheDir, 'helpers') },
      boot: {
        http: { listen: [`127.0.0.1:${await freePort()}`] },
        ...{ interfaces: ['127.0.0.1'], autoAdopt: true },
        dhcp: { mode: 'proxy', relay: true, port: dhcpPort, proxyPort, clientPort },
        tftp: { port: tftp },
        nbd: { listen: [`127.0.0.1:${await freePort()}`] },
      },
    },
  });
  await importCard();
}, 1_800_000);
afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('a fleet', () => {
  it('is discovered by its first boot, which gives it nothing', async () => {
    const first = await simulate(...fleet, '--json');
    expect(first.code, first.stderr).toBe(4);
    const summary = linesOf(first).find(({ type }) => type === 'summary');
    expect(summary).toMatchObject({ boards, up: 0, failed: boards });
    await until('every board is there', async () => (await devices()).length === boards);
    expect((await devices()).every(({ state, model }) => state === 'available' && model === 'pi4')).toBe(true);
  });

  it('is up with the image it is given, each board itself', async () => {
    for (const { name } of await devices()) {
      await server.client.call('provision', { body: { image: 'card:1', device: name } });
    }
    await until('the root is packed', async () => (await devices()).every(({ state }) => state === 'in-use'), 120_000);
    // The first boots of new boards share the processors with the making of their host keys; what comes too late is asked again, as a board does.
    const booted = await simulate(...fleet, '--attempts', '5', '--json');
    expect(booted.code, booted.stdout + booted.stderr).toBe(0);
    const lines = linesOf(booted);
    expect(lines.find(({ type }) => type === 'summary')).toMatchObject({ boards, up: boards, failures: {} });
    const serials = lines.filter(({ type, up }) => type === 'board' && up).map(({ serial }) => serial);
    await until('every board is up', async () =>
      (await devices()).every(({ upGeneration, assignment }) => upGeneration === assignment?.generation),
    );
    expect((await devices()).map(({ serial }) => serial).sort()).toEqual(serials.sort());
    const sessions = await Promise.all((await devices()).map(({ name }) => lastSession(name)));
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(boards);
    expect(sessions.map(({ outcome }) => outcome)).toEqual(Array<string>(boards).fill('up'));
  });

  it('is told about in words', async () => {
    const booted = await simulate(...fleet, '--attempts', '5');
    expect(booted.stdout, booted.stderr).toMatch(new RegExp(`^${boards} of ${boards} boards up in `));
    expect(booted.stderr).toContain(`boards ${boards} of ${boards} boards`);
    expect(booted.code).toBe(0);
  });
});

describe('one of its boards', () => {
  let device: Device;
  const boot = (...args: string[]): Promise<Finished> =>
    simulate('--serial', device.serial ?? '', '--mac', device.mac ?? '', ...args);
  const ended = async (after: string | null): Promise<BootSession> => {
    await until('the boot has ended', async () => {
      const { id, outcome } = await lastSession(device.name);
      return id !== after && outcome !== 'running';
    });
    return lastSession(device.name);
  };
  beforeAll(async () => {
    const [first] = await devices();
    if (first === undefined) throw new Error('there is no device');
    device = first;
  });

  it('is the same after each boot, and tells each step', async () => {
    const before = device.lastSession;
    const digests = [await boot(), await boot()].map(({ stdout, code }) => {
      expect(code, stdout).toBe(0);
      return /identity sha256 ([0-9a-f]{64})/.exec(stdout)?.[1];
    });
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
    expect(digests[1]).toBe(digests[0]);
    expect(await ended(before)).toMatchObject({ outcome: 'up', verdict: null });
  });

  it('whose secret is used twice is refused, and its session revoked', async () => {
    const before = (await lastSession(device.name)).id;
    const { code, stdout } = await boot('--fault', 'reuse-secret', '--json');
    expect(code).toBe(4);
    expect(linesOf({ code, stdout, stderr: '' }).at(-1)).toMatchObject({ type: 'os-failed', reason: 'download' });
    expect(await ended(before)).toMatchObject({ outcome: 'revoked', verdict: { fault: 'credential-reused' } });
  });

  it('that is switched off in the middle of its boot is waited for until the next one is up', async () => {
    const watched = server.cli('boot', 'watch', device.name, '--until-up');
    await until('somebody watches', async () => {
      const metrics = await fetch(`${server.url}/metrics`, { headers: { 'x-api-key': server.key } });
      return (await metrics.text()).includes('drover_http_event_streams 1');
    });
    expect((await boot('--fault', 'stop-after=mount')).code).toBe(4);
    const cut = (await lastSession(device.name)).id;
    expect((await boot()).code).toBe(0);
    const { code, stdout } = await watched;
    expect(code, stdout).toBe(0);
    expect(stdout).toContain('superseded');
    expect(await server.client.sessions.get({ params: { id: cut } })).toMatchObject({ outcome: 'superseded' });
  });

  it('that fails at a step is told with it', async () => {
    const before = (await lastSession(device.name)).id;
    expect((await boot('--fault', 'fail-at=mount')).code).toBe(4);
    expect(await ended(before)).toMatchObject({ outcome: 'failed', verdict: { fault: 'step-failed' } });
  });
});
