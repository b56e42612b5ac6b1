// ./quickstart: starts the server as anybody would, plugs in an emulated Pi, and shows it boot.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openAsBlob } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readFile } from 'node:fs/promises';
import { createClient, type Client } from '@drover/sdk';
import { powerOn } from '../drover/board.js';
import { inputs } from '../inputs/index.js';
import { createSegment, type Segment } from './segment.js';

const cli = fileURLToPath(new URL('../../packages/cli/bin/drover.js', import.meta.url));
const serial = '10000000d40fe001';
const device = 'emulated-pi';
const noPi = process.argv.includes('--no-pi');
const once_ = process.argv.includes('--once');

/** The boot is what is watched here: the server speaks up only when something is wrong. Without a Pi its log is all there is to see. */
const environment = noPi ? { ...process.env } : { DROVER_LOG_LEVEL: 'warn', ...process.env };

const say = (text: string): void => console.log(`\n\u25b8 ${text}`);
const apiUrl = 'http://127.0.0.1:8080';
const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());

/** Ends with this process, also when that is killed: a server nobody knows of would hold the ports of the next quickstart. */
function drover(...args: string[]): ChildProcess {
  const command = ['--pdeathsig', 'TERM', '--', process.execPath, cli, ...args];
  return spawn('setpriv', command, { stdio: ['ignore', 'inherit', 'inherit'], env: environment });
}

/** Told before anything is built: two servers cannot share the ports. */
async function refuseSecondServer(): Promise<void> {
  if ((await fetch(`${apiUrl}/healthz`).catch(() => undefined)) === undefined) return;
  throw new Error(`something answers at ${apiUrl} already: stop that server first, or talk to it with ./drover`);
}

async function startServer(): Promise<ChildProcess> {
  const server = drover('serve');
  const ended = once(server, 'exit').then(([code]) => {
    throw new Error(`the server ended with ${String(code)}`);
  });
  const ready = (async () => {
    while ((await fetch(`${apiUrl}/readyz`).catch(() => undefined))?.ok !== true) await sleep(200);
  })();
  await Promise.race([ready, ended]);
  ended.catch(() => stopping.abort());
  return server;
}

/** Where the first start left the key for local use. */
async function keyFile(): Promise<string> {
  const settings = spawn(process.execPath, [cli, 'settings', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of settings.stdout) text += String(chunk);
  const rows = JSON.parse(text) as { key: string; value: unknown }[];
  return join(String(rows.find((row) => row.key === 'dataDir')?.value), 'admin.key');
}

async function localClient(): Promise<Client> {
  const key = (await readFile(await keyFile(), 'utf8')).trim();
  // The command line may know another server by this address, from before.
  Object.assign(environment, { DROVER_SERVER: apiUrl, DROVER_KEY: key });
  return createClient({ baseUrl: apiUrl, key });
}

async function importImage(client: Client, version: string, path: string): Promise<string> {
  const ref = `lab-fast:${version}`;
  if ((await client.call('getImage', { params: { ref } }).catch(() => undefined))?.state === 'ready') return ref;
  const upload = await client.upload(await openAsBlob(path), { filename: 'lab-fast.img' });
  const image = await client.call('createImage', {
    body: { name: 'lab-fast', version, source: { kind: 'upload', upload: upload.id } },
  });
  const job = await client.waitForJob(image.job ?? '');
  if (job.state !== 'succeeded') throw new Error(`the import failed: ${job.error?.detail ?? job.state}`);
  return ref;
}

async function assign(client: Client, image: string): Promise<void> {
  const known = await client.call('getDevice', { params: { ref: device } }).catch(() => undefined);
  if (known === undefined) {
    await client.call('createDevice', {
      body: { name: device, serial, bootPrefix: serial.slice(-8), model: 'pi4', labels: { kind: 'emulated' } },
    });
  }
  if (known?.assignment != null) await client.call('reimageDevice', { params: { ref: device }, body: { image } });
  else await client.call('provision', { body: { image, device } });
}

/** Powers the emulated board on and follows it with the very command a user would type. Returns seconds to "up". */
async function bootPi(client: Client, segment: Segment): Promise<number> {
  const watch = drover('boot', 'watch', device, '--until-up');
  await sleep(500);
  const started = Date.now();
  const pi = await powerOn(segment, { model: '4b', serial, failures: 3, boots: 3 });
  const [code] = (await Promise.race([once(watch, 'exit'), once(stopping.signal, 'abort').then(() => [130])])) as [
    number,
  ];
  const seconds = (Date.now() - started) / 1000;
  if (code !== 0) {
    console.error(pi.guestConsole().slice(-4000));
    throw new Error('the emulated Pi did not come up');
  }
  const { state } = await client.call('getDevice', { params: { ref: device } });
  if (state !== 'in-use') throw new Error(`the device is ${state}`);
  return seconds;
}

async function howToPlugIn(): Promise<string> {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, all]) =>
    (all ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => `http://${address}:8080/ (${name})`),
  );
  return [
    'Drover is running. Its address, for the dashboard and the API:',
    ...addresses.map((address) => `    ${address}`),
    `Log in with the key in ${await keyFile()}.`,
    '',
    'To add a real Pi: connect it by cable to the same network, with no SD card.',
    '    Pi 4, 400, 5:  sudo rpi-eeprom-config --edit, BOOT_ORDER=0xf12 (network, then SD card); once',
    '    Pi 3B+:        nothing to do',
    '    Pi 3B, 2B 1.2: program_usb_boot_mode=1 in config.txt and one start from an SD card; once',
    'Then, from this folder:',
    '    ./drover image import FILE.img.xz --name NAME:VERSION',
    '    ./drover device list --state discovered',
    '    ./drover device adopt DEVICE',
    '    ./drover provision --image NAME:VERSION --device DEVICE --wait',
  ].join('\n');
}

async function withPi(): Promise<void> {
  say('Building a real image for the emulated Pi (Debian kernel, Pi firmware); cached after the first time');
  const image = await inputs.fast();
  const segment = await createSegment();
  let server: ChildProcess | undefined;
  try {
    say(`Starting the server; the emulated Pi's network is ${segment.cable} (${segment.address})`);
    server = await startServer();
    const client = await localClient();
    say('Importing the image');
    await assign(client, await importImage(client, image.sha256.slice(0, 12), image.path));
    say('Powering on an emulated Pi 4');
    const seconds = await bootPi(client, segment);
    if (!once_) {
      say(await howToPlugIn());
      say('Ctrl-C ends the server and the emulated Pi.');
      await once(stopping.signal, 'abort');
      return;
    }
    await stop(server);
    server = undefined;
    await segment.dispose();
    console.log(`up ${serial} ${seconds.toFixed(1)}`);
  } finally {
    if (server !== undefined) await stop(server);
    await segment.dispose();
  }
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill('SIGTERM');
  await ended;
}

async function withoutPi(): Promise<void> {
  const server = await startServer();
  say(await howToPlugIn());
  if (!once_) await Promise.race([once(stopping.signal, 'abort'), once(server, 'exit')]);
  await stop(server);
}

try {
  await refuseSecondServer();
  await (noPi ? withoutPi() : withPi());
  process.exit(0);
} catch (fault) {
  console.error(`quickstart: ${fault instanceof Error ? fault.message : String(fault)}`);
  process.exit(1);
}
