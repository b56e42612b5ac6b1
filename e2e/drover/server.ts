import { mkdir, open, readFile, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Device, Image, RootMode, TimelineItem } from '@drover/contract';
import { createHelperStore } from '@drover/initramfs';
import { createClient, type Client } from '@drover/sdk';
import { createToolRunner } from '@drover/tools';
import { stringify } from 'yaml';
import { run } from '../inputs/run.js';
import type { Lab } from '../lab/lab.js';
import type { LabProcess } from '../lab/process.js';

const cli = fileURLToPath(new URL('../../packages/cli/bin/drover.js', import.meta.url));

export interface DroverOptions {
  /** Merged over the lab's own settings, section by section. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** A folder outside the lab, for one that lives longer. */
  readonly dataDir?: string;
  /** Shell commands that are run before it in its namespaces, of which that of mounts is its own. */
  readonly before?: string;
  /** Where helpers (busybox for the boards) are kept between tests. */
  readonly helpersDir?: string;
}

/** A board with a system. */
export interface Provisioned {
  readonly name: string;
  readonly serial: string;
  /** `name:version` */
  readonly image: string;
  readonly model?: NonNullable<Device['model']>;
  readonly rootMode?: RootMode;
  /** Bytes. */
  readonly diskSize?: number;
}

/** The built server as a user starts it, in the lab's server namespace, with the SDK ready to talk to it. */
export interface Drover {
  readonly client: Client;
  readonly key: string;
  readonly dataDir: string;
  /** On 127.0.0.1 out here. */
  readonly url: string;
  readonly process: LabProcess;
  /** Pid of one of the planes, as /proc tells. */
  pidOf(plane: 'control' | 'boot'): Promise<number>;
  /** Imports a local image through an upload and waits until it is ready. */
  importImage(file: string, name: string, version: string): Promise<Image>;
  /** Waits until the device is as wanted. */
  deviceUntil(ref: string, wanted: (device: Device) => boolean, timeoutMs: number): Promise<Device>;
  /** A device that is registered, has the image assigned and can be switched on. */
  provisioned(wanted: Provisioned): Promise<Device>;
  /** Waits for the report "up" of a boot later than the session `after`. */
  untilUp(ref: string, after?: string | null, timeoutMs?: number): Promise<Device>;
  timelineOf(session: string | null): Promise<TimelineItem[]>;
  stop(): Promise<void>;
}

/** For a board of the emulator. */
const bootMs = 300_000;
/** Of the largest image of these tests, on a machine with other work. */
const importMs = 600_000;
const defaultHelpers = '/var/cache/drover-lab/helpers';

async function waitReady(url: string, process: LabProcess): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.ok === true) return;
    if (Date.now() > deadline) throw new Error(`the server is not ready:\n${process.console.text().slice(-4000)}`);
    await sleep(200);
  }
}

/** Bytes of a file, as they are asked for. */
const partOf = async (file: FileHandle, start: number, end: number): Promise<Uint8Array> =>
  (await file.read(Buffer.alloc(end - start), 0, end - start, start)).buffer;

async function importImage(
  client: Client,
  image: string,
  { name, version, signal }: { readonly name: string; readonly version: string; readonly signal: AbortSignal },
): Promise<Image> {
  const file = await open(image);
  try {
    const { size } = await file.stat();
    const source = { size, read: (start: number, end: number) => partOf(file, start, end) };
    const upload = await client.upload(source, { filename: path.basename(image), signal });
    const body = { name, version, source: { kind: 'upload' as const, upload: upload.id } };
    const created = await client.call('createImage', { body }, { signal });
    const job = await client.waitForJob(created.job ?? '', { signal });
    if (job.state !== 'succeeded') throw new Error(JSON.stringify(job.error));
    return await client.call('getImage', { params: { ref: created.id } }, { signal });
  } finally {
    await file.close();
  }
}

/** What it runs and what it said last: all that is left to judge one that hangs by. */
async function stateOf(process: LabProcess): Promise<string> {
  const { stdout } = await run(['ps', '--forest', '-eo', 'pid,ppid,stat,etimes,time,wchan:24,args'], {
    env: { COLUMNS: '300' },
  });
  const from = stdout.split('\n').findIndex((line) => Number(line.trim().split(' ')[0]) === process.pid);
  const tree = stdout.split('\n').slice(from, from + 20);
  return `${tree.join('\n')}\n${process.console.text().slice(-4000)}`;
}

/** Children of the supervisor carry their plane's name among their arguments. */
async function findPlane(supervisor: number, plane: string): Promise<number> {
  const children = (await readFile(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8'))
    .trim()
    .split(' ')
    .filter(Boolean);
  for (const pid of children) {
    // A word of its own: the path of a checkout may hold it too.
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (words.includes(plane)) return Number(pid);
  }
  throw new Error(`no ${plane} plane below pid ${supervisor}`);
}

/** The server's namespace has no way out: what it would fetch for arm64 boards is there before. */
async function fillHelpers(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const store = createHelperStore({ tools: createToolRunner(), cacheDir: folder, now: Date.now });
  await store.helpers('arm64', AbortSignal.timeout(importMs));
  await store.cardHelpers('arm64', AbortSignal.timeout(importMs));
  await store.wifiHelpers('arm64', AbortSignal.timeout(importMs));
}

export async function startDrover(lab: Lab, options: DroverOptions = {}): Promise<Drover> {
  const dataDir = options.dataDir ?? path.join(lab.dir, 'data');
  if (options.helpersDir === undefined) await fillHelpers(defaultHelpers);
  const settings = {
    dataDir,
    http: { listen: ['127.0.0.1:8080'] },
    boot: { http: { listen: ['0.0.0.0:8081'] }, interfaces: ['eth0'] },
    helpers: { cacheDir: options.helpersDir ?? defaultHelpers },
    log: { level: 'debug' },
    ...options.settings,
  };
  const file = path.join(lab.dir, 'drover.yaml');
  await writeFile(file, stringify(settings));
  const serve = ['node', cli, 'serve', '--config', file];
  const command = options.before === undefined ? serve : ['sh', '-ec', `${options.before}\nexec "$@"`, 'sh', ...serve];
  const process = await lab.spawn(command, {
    at: 'server',
    name: 'drover serve',
    env: { HOME: lab.dir },
  });
  const { port } = await lab.forward(8080);
  const url = `http://127.0.0.1:${port}`;
  await waitReady(url, process);
  const key = (await readFile(path.join(dataDir, 'admin.key'), 'utf8')).trim();
  const client = createClient({ baseUrl: url, key });
  const deviceUntil: Drover['deviceUntil'] = async (ref, wanted, timeoutMs) => {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const device = await client.call('getDevice', { params: { ref } }).catch(() => undefined);
      if (device !== undefined && wanted(device)) return device;
      if (Date.now() > deadline)
        throw new Error(`${ref} is ${JSON.stringify(device)}\n${process.console.text().slice(-4000)}`);
      await sleep(250);
    }
  };
  return {
    ...{ client, key, dataDir, url, process },
    pidOf: (plane) => findPlane(process.pid, plane),
    importImage: (image, name, version) =>
      importImage(client, image, { name, version, signal: AbortSignal.timeout(importMs) }).catch(
        async (error: unknown) => {
          throw new Error(`the import of ${name}: ${String(error)}\n${await stateOf(process)}`, { cause: error });
        },
      ),
    deviceUntil,
    async provisioned({ name, serial, image, model = 'pi4', ...how }) {
      await client.call('createDevice', { body: { name, serial, bootPrefix: serial.slice(-8), model } });
      await client.call('provision', { body: { image, device: name, ...how } });
      return deviceUntil(name, ({ state }) => state === 'in-use', bootMs);
    },
    untilUp: (ref, after = null, timeoutMs = bootMs) =>
      deviceUntil(
        ref,
        ({ upGeneration, assignment, lastSession }) => upGeneration === assignment?.generation && lastSession !== after,
        timeoutMs,
      ),
    async timelineOf(session) {
      const items: TimelineItem[] = [];
      for await (const item of client.each('getTimeline', { params: { id: session ?? '' } })) items.push(item);
      return items;
    },
    stop: async () => void (await process.stop(30_000)),
  };
}
