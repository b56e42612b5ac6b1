import { setTimeout as sleep } from 'node:timers/promises';
import type { Device, Model, ProvisionRequest, RootMode } from '@drover/contract';
import { DroverError, type Client } from '@drover/sdk';
import {
  flagOption,
  listOption,
  numberOption,
  requiredOption,
  textOption,
  UsageError,
  type Action,
  type Cli,
} from '../command.js';
import { connect } from '../connect.js';
import { secondsOf } from '../duration.js';
import { hint, show } from '../show.js';
import { entryText } from '../terminal/timeline.js';
import { isShown, watchTimelines } from '../watch.js';
import { deviceText } from './device.js';
import { sizeOf } from './disk.js';
import { firstBootOf } from './first-boot.js';

const defaultTimeoutSeconds = 900;

const targetBody = async ({ options }: Cli) => ({
  image: requiredOption(options, 'image', 'Name one: --image name:version. See `drover image list`.'),
  ...rootMode(textOption(options, 'root')),
  kernelParameters: textOption(options, 'kernelParameters') ?? '',
  ...diskSize(textOption(options, 'diskSize')),
  ...(await firstBoot(textOption(options, 'firstBoot'))),
});

/** Not said: the server decides, which keeps the root mode of a device that has one. */
const rootMode = (mode: string | undefined) => (mode === undefined ? {} : { rootMode: mode as RootMode });
const firstBoot = async (path: string | undefined) =>
  path === undefined ? {} : { firstBoot: await firstBootOf(path) };
const diskSize = (size: string | undefined) => (size === undefined ? {} : { diskSize: sizeOf(size) });

const isUp = ({ assignment, upGeneration }: Device): boolean =>
  assignment !== null && upGeneration === assignment.generation;

const timedOut = (device: Device, seconds: number): DroverError =>
  new DroverError({
    type: 'urn:drover:error:device.state',
    title: 'The device is not up',
    status: 409,
    code: 'device.state',
    detail: `${device.name} is not up after ${seconds} s.`,
    remedy: `It may still come: drover boot watch ${device.name}. What happened so far: drover boot show ${device.name}.`,
  });

const failed = (device: Device): DroverError =>
  new DroverError({
    type: 'urn:drover:error:device.state',
    title: 'The device failed',
    status: 409,
    code: 'device.state',
    detail: `${device.name} failed${device.stateReason === null ? '' : `: ${device.stateReason}`}.`,
    remedy: `What happened: drover boot show ${device.name}.`,
  });

/** Shows the boots of a device on standard error until told to stop. */
const showBoots = async (cli: Cli, client: Client, device: Device, signal: AbortSignal): Promise<void> => {
  for await (const { entry } of watchTimelines(client, { device: device.id, signal })) {
    if (!cli.json && isShown(cli, entry))
      cli.io.err(entryText({ ...cli.io, color: cli.io.color && cli.io.isLive }, '', entry));
  }
};

/** Waits until the device runs what it was assigned, showing its boots meanwhile. */
const untilUp = async (cli: Cli, client: Client, device: Device): Promise<Device> => {
  const seconds = numberOption(cli.options, 'timeout') ?? defaultTimeoutSeconds;
  const limit = AbortSignal.timeout(seconds * 1000);
  const done = new AbortController();
  const signal = AbortSignal.any([cli.signal, limit, done.signal]);
  hint(cli, `Waiting for ${device.name}. Switch it on, or restart it.`);
  const shown = showBoots(cli, client, device, signal).catch(() => undefined);
  try {
    for (;;) {
      const now = await client.devices.get({ params: { ref: device.id } }, { signal });
      if (isUp(now)) return now;
      if (now.state === 'failed') throw failed(now);
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (limit.aborted) throw timedOut(now, seconds);
    }
  } catch (error) {
    throw limit.aborted && !cli.signal.aborted && !(error instanceof DroverError) ? timedOut(device, seconds) : error;
  } finally {
    done.abort();
    await shown;
  }
};

const finish = async (cli: Cli, client: Client, device: Device): Promise<void> => {
  if (!flagOption(cli.options, 'wait')) {
    show(cli, device, deviceText(cli.io, device));
    hint(cli, `Switch it on, or restart it. Watch: drover boot watch ${device.name}`);
    return;
  }
  const up = await untilUp(cli, client, device);
  show(cli, up, `${up.name} is up${up.lastAddress === null ? '' : ` at ${up.lastAddress}`}.\n`);
};

/** What a device must be like, beside its labels. */
function likeness({ options }: Cli) {
  const [model, memory, site, spread] = ['model', 'memory', 'site', 'spread'].map((name) => textOption(options, name));
  return {
    ...(model === undefined ? {} : { model: model as Model }),
    ...(memory === undefined ? {} : { memoryMiB: Math.ceil(sizeOf(memory) / 2 ** 20) }),
    ...(site === undefined ? {} : { site }),
    ...(spread === undefined ? {} : { spread }),
  };
}

const leaseOf = ({ options }: Cli) => {
  const ttl = textOption(options, 'ttl');
  return ttl === undefined ? {} : { ttlSeconds: secondsOf('--ttl', ttl) };
};

const notGranted = ({ id, state, reason }: ProvisionRequest): DroverError =>
  new DroverError({
    type: 'urn:drover:error:device.none-available',
    title: 'No device came free',
    status: 409,
    code: 'device.none-available',
    detail: `The request ${id} is ${state}${reason === null ? '' : `: ${reason}`}.`,
    remedy: 'Ask again, for longer or for less.',
  });

/** Waits in the queue, telling the place in it; whoever stops to wait leaves it. */
async function untilGranted(cli: Cli, client: Client, first: ProvisionRequest): Promise<Device> {
  let request = first;
  let told: number | null = null;
  try {
    while (request.state === 'waiting') {
      if (request.position !== told)
        hint(cli, `Waiting for a device ${request.wish}: number ${request.position} in the queue.`);
      told = request.position;
      await sleep(500, undefined, { signal: cli.signal });
      request = await client.requests.get({ params: { id: request.id } }, { signal: cli.signal });
    }
  } catch (error) {
    if (cli.signal.aborted) await client.requests.cancel({ params: { id: request.id } }).catch(() => undefined);
    throw error;
  }
  if (request.device === null) throw notGranted(request);
  return client.devices.get({ params: { ref: request.device } }, { signal: cli.signal });
}

export const provision: Action = async (cli) => {
  const { options } = cli;
  const device = textOption(options, 'device');
  const labels = listOption(options, 'label');
  const any = flagOption(options, 'any');
  if ([device !== undefined, labels.length > 0, any].filter(Boolean).length !== 1) {
    throw new UsageError('Which device is not said, or said twice', 'Give exactly one of --device, --label and --any.');
  }
  const client = connect(cli);
  const body = {
    ...(await targetBody(cli)),
    ...(device === undefined ? {} : { device }),
    ...(labels.length === 0 ? {} : { selector: labels.join(',') }),
    ...(any ? { any } : {}),
    ...likeness(cli),
    ...leaseOf(cli),
  };
  const patience = textOption(options, 'waitForDevice');
  if (patience === undefined)
    return finish(cli, client, await client.devices.provision({ body }, { signal: cli.signal }));
  const waitSeconds = secondsOf('--wait-for-device', patience);
  const request = await client.requests.create({ body: { ...body, waitSeconds } }, { signal: cli.signal });
  await finish(cli, client, await untilGranted(cli, client, request));
};

export const lease: Action = async (cli, [ref = '']) => {
  const { ttlSeconds } = leaseOf(cli);
  if ((ttlSeconds === undefined) !== flagOption(cli.options, 'forever'))
    throw new UsageError('How long is not said, or said twice', 'Give --ttl or --forever.');
  const body = { ttlSeconds: ttlSeconds ?? null };
  const device = await connect(cli).devices.lease({ params: { ref }, body }, { signal: cli.signal });
  const until = device.assignment?.leaseUntil ?? null;
  show(cli, device, `${device.name} is kept ${until === null ? 'until it is released' : `until ${until}`}.\n`);
};

export const reimage: Action = async (cli, [ref = '']) => {
  const client = connect(cli);
  await finish(
    cli,
    client,
    await client.devices.reimage({ params: { ref }, body: await targetBody(cli) }, { signal: cli.signal }),
  );
};

export const release: Action = async (cli, [ref = '']) => {
  const query = {
    ...(flagOption(cli.options, 'keepDisk') ? { disk: 'keep' as const } : {}),
    ...(flagOption(cli.options, 'force') ? { force: 'true' as const } : {}),
  };
  const device = await connect(cli).devices.release({ params: { ref }, query }, { signal: cli.signal });
  show(cli, device, `${device.name} is ${device.state}.\n`);
  if (device.state === 'releasing') hint(cli, `Follow it: drover device show ${device.name}`);
};
