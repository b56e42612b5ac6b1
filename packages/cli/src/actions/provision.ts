import type { Device, RootMode } from '@drover/contract';
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
import { hint, show } from '../show.js';
import { entryText } from '../terminal/timeline.js';
import { isShown, watchTimelines } from '../watch.js';
import { deviceText } from './device.js';
import { sizeOf } from './disk.js';

const defaultTimeoutSeconds = 900;

const targetBody = ({ options }: Cli) => ({
  image: requiredOption(options, 'image', 'Name one: --image name:version. See `drover image list`.'),
  ...rootMode(textOption(options, 'root')),
  kernelParameters: textOption(options, 'kernelParameters') ?? '',
  ...diskSize(textOption(options, 'diskSize')),
});

/** Not said: the server decides, which keeps the root mode of a device that has one. */
const rootMode = (mode: string | undefined) => (mode === undefined ? {} : { rootMode: mode as RootMode });
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
    ...targetBody(cli),
    ...(device === undefined ? {} : { device }),
    ...(labels.length === 0 ? {} : { selector: labels.join(',') }),
    ...(any ? { any } : {}),
  };
  await finish(cli, client, await client.devices.provision({ body }, { signal: cli.signal }));
};

export const reimage: Action = async (cli, [ref = '']) => {
  const client = connect(cli);
  await finish(
    cli,
    client,
    await client.devices.reimage({ params: { ref }, body: targetBody(cli) }, { signal: cli.signal }),
  );
};

export const release: Action = async (cli, [ref = '']) => {
  const device = await connect(cli).devices.release({ params: { ref } }, { signal: cli.signal });
  show(cli, device, `${device.name} is ${device.state}.\n`);
};
