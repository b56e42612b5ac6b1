import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../src/app/ports.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFsBlobStore } from '../../src/adapters/blobs/index.js';
import { createIds, systemClock } from '../../src/adapters/system/index.js';
import { createSegmentReader } from '../../src/app/boot/plane/segments.js';
import { createTreeLoader } from '../../src/app/boot/plane/trees.js';
import { createCardKeys } from '../../src/app/boot/signing-key.js';
import { createBootSetJob } from '../../src/app/images/boot-set-job.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { createWaiting } from '../../src/app/devices/waiting.js';
import { eventually } from './eventually.js';
import { createFakeApi } from '../../src/listeners/http/api/testing.js';
import { admin, run, sha256, startLab, type NetbootLab } from './netboot-lab.js';
import { noPower } from '../contract/support/no-power.js';

/** A client of root mode sd as docs/boot-flow.md has it, with nothing of ours: HTTP, signify, tar, sha256sum. */

let lab: NetbootLab;
let blobs: Awaited<ReturnType<typeof createFsBlobStore>>;
let device: string;
const configs = new Map<string, string>();
const [mac, serial] = ['dc:a6:32:00:0d:01', '10000000dd000001'];
const ids = createIds({ clock: systemClock });
const never = async () => Promise.reject(new Error('not in this test'));
const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
const nonce = (): string => randomBytes(16).toString('hex');
const at = (name: string): string => join(lab.dataDir, name);

type Lines = Record<string, string>;
const linesOf = (text: string): Lines =>
  Object.fromEntries(
    text.split('\n').flatMap((line) => {
      const end = line.indexOf('=');
      return end < 0 ? [] : [[line.slice(0, end), line.slice(end + 1)]];
    }),
  );

async function post(path: string, form: Lines): Promise<{ status: number; lines: Lines; text: string }> {
  const answer = await fetch(`${lab.httpUrl()}/device/v1${path}`, { method: 'POST', body: new URLSearchParams(form) });
  const text = await answer.text();
  return { status: answer.status, text, lines: linesOf(text) };
}
const ask = (more: Lines = {}) =>
  post('/boots', { mac, serial, nonce: nonce(), release: '5.4.0', model: 'Raspberry Pi 4 Model B Rev 1.4', ...more });

interface Session {
  readonly path: string;
  readonly headers: { readonly authorization: string };
}

async function boot(): Promise<Session> {
  const { lines } = await ask({ boot: '0'.repeat(64) });
  const path = `/sessions/${lines['session']}`;
  const known = ['1'.repeat(64), '2'.repeat(64)].join(',');
  const granted = await post(`${path}/exchange`, { secret: lines['secret'] ?? '', nonce: nonce(), mac, known });
  expect(granted.text).toMatch(/^mode=sd$/m);
  expect(Object.keys(granted.lines).sort()).toEqual(['credential', 'hostname', 'mode', 'overlaySize', 'time']);
  return { path, headers: { authorization: `Bearer ${granted.lines['credential']}` } };
}
const get = ({ path, headers }: Session, what: string, more: Lines = {}) =>
  fetch(`${lab.httpUrl()}/device/v1${path}/${what}`, { headers: { ...headers, ...more } });
async function bytesOf(session: Session, what: string, more: Lines = {}): Promise<Buffer> {
  return Buffer.from(await (await get(session, what, more)).arrayBuffer());
}

/** What signify(1) takes out of an answer; it fails for one that is not signed by this key. */
async function judged(signed: string, key: string): Promise<string> {
  await writeFile(at('card.pub'), key);
  await writeFile(at('card.signed'), signed);
  const args = ['-V', '-q', '-e', '-p', at('card.pub'), '-x', at('card.signed'), '-m', '-'];
  return (await run('signify-openbsd', args)).stdout;
}
const keys = () => createCardKeys({ store: lab.store, ids, clock: systemClock });
async function publicKey(): Promise<string> {
  const shown = await keys().show(admin);
  return shown.ok ? shown.value.publicKey : expect.fail(shown.detail);
}
async function answer(session: Session, given = nonce()): Promise<Lines> {
  const signed = await (await get(session, `card?nonce=${given}`)).text();
  return linesOf(await judged(signed, await publicKey()));
}

async function makeSet(): Promise<void> {
  const image = (await lab.store.read((tx) => tx.devices.get(device)))?.assignment?.image ?? '';
  await lab.store.transaction(async (tx) => {
    const { revision, updatedAt } = (await tx.images.get(image))!;
    const facts = { kernels: [], models: ['pi4'], unfit: [], warnings: [], partitions: [], rootModes: ['sd'] };
    await tx.images.update(image, revision, { facts: facts as never, updatedAt });
  });
  const card = randomBytes(4_000);
  const part = async function* () {
    yield card;
  };
  const segments = createSegmentReader({ blobs, cacheBytes: 1_000_000 });
  const job = createBootSetJob({
    ...{ store: lab.store, blobs, clock: systemClock, packer: { pack: never }, inspector: { inspect: never } },
    enqueue: createEnqueue({ clock: systemClock, ids }),
    ...createWaiting({ clock: systemClock, ...noPower }),
    trees: createTreeLoader({ blobs, backend: { tree: never }, segments }),
    initramfs: {
      ...{ recipe: never, make: never, compression: never, cardRecipe: async () => 'r' },
      makeCardPart: async (architecture) => {
        const { digest, size } = await blobs.put(part());
        return { kind: 'card', architecture, release: null, blob: digest, size };
      },
    },
  });
  const context = { id: 'job', input: { image }, checkpoint: {}, saveCheckpoint: never, progress: quiet };
  const done = await job.run({ ...context, signal: new AbortController().signal });
  if (!done.ok) throw new Error(done.detail);
}

beforeAll(async () => {
  lab = await startLab({ configs });
  blobs = await createFsBlobStore(join(lab.dataDir, 'blobs'));
  await ask();
  device = await lab.provision(serial.slice(-8), { rootMode: 'sd' });
});
afterAll(async () => {
  await blobs.close();
  await lab.close();
});

describe('a self-updating card', () => {
  it('waits while its set is made, and the first who asks has it made', async () => {
    const { lines } = await ask({ boot: '0'.repeat(64) });
    expect(lines['mode']).toBe('sd');
    const form = { secret: lines['secret'] ?? '', nonce: nonce() };
    for (const _ of [1, 2])
      expect(await post(`/sessions/${lines['session']}/exchange`, form)).toMatchObject({ status: 503 });
    const jobs = await lab.store.read((tx) => tx.jobs.list({}, { limit: 10 }));
    expect(jobs.items.map(({ kind }) => kind)).toEqual(['image.boot-set']);
    await makeSet();
    expect((await post(`/sessions/${lines['session']}/exchange`, form)).lines).toMatchObject({ mode: 'sd' });
  });

  it('gets no boot files over the network, and is let in by its card all the same', async () => {
    const asked = (path: string) => fetch(`${lab.httpUrl()}/netboot/${serial.slice(-8)}/${path}`);
    for (const path of ['config.txt', 'start4.elf', 'kernel8.img', 'cmdline.txt'])
      expect([path, (await asked(path)).status]).toEqual([path, 404]);
    expect((await ask({ boot: '0'.repeat(64) })).status).toBe(200);
    expect((await asked('config.txt')).status).toBe(404);
    await boot();
  });

  it('is let in with a kernel that the image knows nothing of, if it can take another one', async () => {
    await lab.store.transaction(async (tx) => {
      const image = (await tx.images.get((await tx.devices.get(device))?.assignment?.image ?? ''))!;
      const kernels = [{ file: 'kernel8.img', architecture: 'arm64' as const, release: '6.6.31-v8', modules: true }];
      await tx.images.update(image.id, image.revision, {
        facts: { ...image.facts!, kernels },
        updatedAt: image.updatedAt,
      });
    });
    expect((await ask({ boot: '0'.repeat(64) })).status).toBe(200);
    expect(await ask()).toMatchObject({ status: 403 });
    expect(await ask({ boot: 'none' })).toMatchObject({ status: 400 });
  });

  it('gets an answer that signify believes, and no other', async () => {
    const session = await boot();
    const given = nonce();
    const signed = await (await get(session, `card?nonce=${given}`)).text();
    const key = await publicKey();
    const message = await judged(signed, key);
    const name = (await lab.store.read((tx) => tx.devices.get(device)))?.name;
    expect(linesOf(message)).toMatchObject({ card: '1', device, nonce: given, hostname: name, image: 'test:1' });
    expect(Math.abs(Number(linesOf(message)['time']) - Date.now() / 1000)).toBeLessThan(120);
    await expect(judged(signed.replace('overlaySize=50%', 'overlaySize=90%'), key)).rejects.toThrow('verif');
    await expect(judged(signed.replace(given, nonce()), key)).rejects.toThrow('verif');
    expect(signed).toContain('overlaySize=50%');
    // An old answer has an old nonce, whatever is asked.
    const again = await (await get(session, `card?nonce=${nonce()}`)).text();
    expect(again).not.toContain(given);
    expect((await get(session, 'card?nonce=short')).status).toBe(400);
    expect((await get({ ...session, headers: { authorization: 'Bearer x' } }, `card?nonce=${given}`)).status).toBe(403);
  });

  it('gets the root, the set and the config that the answer names, in pieces too', async () => {
    const session = await boot();
    const told = await answer(session);
    for (const what of ['root', 'boot', 'config'] as const) {
      const bytes = await bytesOf(session, what);
      expect([what, sha256(bytes), String(bytes.length)]).toEqual([what, told[`${what}Sha256`], told[`${what}Size`]]);
      const piece = await get(session, what, { range: 'bytes=5-104' });
      expect(piece.status).toBe(206);
      expect(Buffer.from(await piece.arrayBuffer()).equals(bytes.subarray(5, 105))).toBe(true);
    }
    expect((await bytesOf(session, 'root')).equals(lab.root)).toBe(true);
    const entries = await lab.timeline(device, (all) =>
      all.some((e) => e.type === 'root.download' && e.path === 'config'),
    );
    expect(entries.filter(({ type }) => type === 'root.download').length).toBeGreaterThanOrEqual(4);
  });

  it('gets a set that tar unpacks and sha256sum finds whole, with no firmware in it', async () => {
    const session = await boot();
    const told = await answer(session);
    await writeFile(at('set.tar'), await bytesOf(session, 'boot'));
    await mkdir(at('set'), { recursive: true });
    await run('tar', ['-xf', at('set.tar'), '-C', at('set')]);
    const checked = await run('sha256sum', ['-c', '--strict', 'SHA256SUMS'], { cwd: at('set') });
    const files = (await run('sh', ['-c', "find . -type f | sed 's/..//' | sort"], { cwd: at('set') })).stdout.split(
      '\n',
    );
    expect(checked.stdout.trim().split('\n').length).toBe(files.filter((file) => file !== '').length - 1);
    expect(files).toEqual(
      expect.arrayContaining(['kernel8.img', 'overlays/README', 'drover.img', 'bcm2711-rpi-4-b.dtb']),
    );
    expect(files.filter((file) => /start|fixup|bootcode/.test(file))).toEqual([]);
    const { stdout: names } = await run('tar', ['-tf', at('set.tar')]);
    expect(names.trim().split('\n').at(-1)).toBe('SHA256SUMS');
    const { stdout: cmdline } = await run('cat', [at('set/cmdline.txt')]);
    expect(cmdline).toBe(`console=serial0,115200 console=tty1 quiet drover.boot=${told['bootId']}\n`);
  });

  it('is told a higher version when and only when something is another', async () => {
    const first = await answer(await boot());
    const session = await boot();
    expect((await answer(session))['version']).toBe(first['version']);
    configs.set(device, JSON.stringify({ bootcode: Buffer.from('echo hello\n').toString('base64') }));
    // What was promised is gone, and the board is told so.
    expect((await get(session, 'config')).status).toBe(404);
    const pinned = await boot();
    const second = await answer(pinned);
    expect(Number(second['version'])).toBeGreaterThan(Number(first['version']));
    expect(second['configSha256']).not.toBe(first['configSha256']);
    await writeFile(at('config.tar'), await bytesOf(pinned, 'config'));
    expect((await run('tar', ['-xOf', at('config.tar'), 'bootcode'])).stdout).toBe('echo hello\n');
    configs.set(device, '{"a":1}');
    expect((await get(pinned, 'config')).status).toBe(404);
    expect(Number((await answer(pinned))['version'])).toBeGreaterThan(Number(second['version']));
    expect((await get(pinned, 'config')).status).toBe(200);
  });

  it('tells how it is, is shown so, and is told when to come again', async () => {
    const session = await boot();
    const beat = (form: Lines, more: Lines = session.headers) =>
      fetch(`${lab.httpUrl()}/device/v1${session.path}/beat`, {
        method: 'POST',
        headers: more,
        body: new URLSearchParams(form),
      });
    const root = sha256(lab.root);
    const ill = { health: 'failing', checks: 'disk,player', uptime: '90', image: 'test:1', root, offline: 'yes' };
    expect((await beat(ill, {})).status).toBe(403);
    expect((await beat(ill, { authorization: `Bearer ${'0'.repeat(32)}.${'0'.repeat(64)}` })).status).toBe(403);
    for (const [field, value] of [
      ['health', 'splendid'],
      ['checks', 'a b'],
      ['checks', Array(17).fill('x').join(',')],
      ['uptime', '-1'],
      ['uptime', '1e300'],
      ['image', 'base;rm'],
      ['root', 'none'],
    ] as const) {
      const refused = await beat({ ...ill, [field]: value });
      expect([field, refused.status, await refused.text()]).toEqual([field, 400, expect.stringContaining(field)]);
    }
    expect((await beat({ ...ill, padding: 'x'.repeat(5_000) })).status).toBe(413);
    const taken = await beat(ill);
    expect([taken.status, await taken.text()]).toEqual([200, 'every=300\n']);
    const soon = await beat(ill);
    expect([soon.status, soon.headers.get('retry-after')]).toEqual([503, '5']);
    const shown = await eventually(async () => {
      const known = await lab.store.read((tx) => tx.devices.get(device));
      expect(known?.beat?.session).toBe(session.path.split('/').at(-1));
      return known!;
    });
    expect(shown.beat).toMatchObject({
      health: 'failing',
      checks: ['disk', 'player'],
      uptimeSeconds: 90,
      offline: true,
    });
    expect(shown.beat).toMatchObject({ image: 'test:1', root });
    expect(shown.lastSeenAt).toBe(shown.beat?.at);
    const events = await lab.store.read((tx) => tx.events.list({ after: 0, limit: 9, type: 'device.health' }));
    expect(events.map(({ subject, data }) => [subject, data['was'], data['health']])).toEqual([
      [device, 'unknown', 'failing'],
    ]);
  });

  it('learns the next key from the old one, and then believes the next', async () => {
    const old = await publicKey();
    const rolled = await keys().roll(admin, { finish: false });
    const next = rolled.ok ? (rolled.value.next ?? '') : expect.fail(rolled.detail);
    expect((await answer(await boot()))['nextKey']).toBe(next.split('\n')[1]);
    expect(await keys().roll(admin, { finish: false })).toMatchObject({ ok: false, code: 'card-key.state' });
    expect(await keys().roll(admin, { finish: true })).toMatchObject({
      ok: true,
      value: { publicKey: next, next: null },
    });
    const signed = await (await get(await boot(), `card?nonce=${nonce()}`)).text();
    expect(linesOf(await judged(signed, next))).not.toHaveProperty('nextKey');
    await expect(judged(signed, old)).rejects.toThrow();
    expect(await keys().roll(admin, { finish: true })).toMatchObject({ ok: false, code: 'card-key.state' });
  });

  it('goes on with its downloads while the control plane is away, and after the boot plane started anew', async () => {
    const session = await boot();
    await answer(session);
    await lab.controlDown();
    expect((await get(session, 'boot')).status).toBe(200);
    expect((await get(session, 'root')).status).toBe(200);
    expect((await get(session, `card?nonce=${nonce()}`)).status).toBe(503);
    await lab.controlUp();
    await lab.planeDown();
    await lab.planeUp();
    expect((await get(session, 'boot')).status).toBe(200);
  });

  it('finds the boot plane when it asks the API', async () => {
    const api = await createFakeApi({}, {}, {}, { bootPlaneUrl: () => lab.httpUrl() });
    try {
      const base = await api.app.listen({ host: '127.0.0.1', port: 0 });
      const { stdout } = await run('curl', ['-sS', '--fail', '-L', `${base}/device/v1/time`]);
      expect(stdout).toMatch(/^time=\d+$/m);
      const form = `nonce=${nonce()}&mac=${mac}&serial=${serial}&release=5.4.0&boot=${'0'.repeat(64)}`;
      const posted = await run('curl', ['-sS', '--fail', '-L', '-d', form, `${base}/device/v1/boots`]);
      expect(posted.stdout).toMatch(/^mode=sd$/m);
    } finally {
      await api.app.close();
    }
  });
});
