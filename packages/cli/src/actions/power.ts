import type { Device, Job, PowerAction } from '@drover/contract';
import type { Client } from '@drover/sdk';
import { flagOption, listOption, textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { followJob } from '../jobs.js';
import { hint, show, showList } from '../show.js';
import { createProgressBar } from '../terminal/progress.js';
import { deviceText } from './device.js';

/** The devices that are meant: one by name, or all with some labels. */
async function meant(cli: Cli, client: Client, ref: string | undefined): Promise<string[]> {
  const labels = listOption(cli.options, 'label');
  if ((ref === undefined) !== labels.length > 0)
    throw new UsageError('Which device is not said, or said twice', 'Name one, or give --label.');
  if (ref !== undefined) return [ref];
  const found: string[] = [];
  const query = { selector: labels.join(',') };
  for await (const { id, power } of client.each('listDevices', { query }, { signal: cli.signal }))
    if (power !== null) found.push(id);
  if (found.length === 0)
    throw new UsageError(`No device with ${labels.join(',')} can be switched`, 'See `drover device list --label`.');
  return found;
}

/** Begins all, then waits for all: the server lets them on one after the other as its drivers want it. */
const act =
  (action: PowerAction): Action =>
  async (cli, [ref]) => {
    const client = connect(cli);
    const refs = await meant(cli, client, ref);
    const jobs: Job[] = [];
    for (const each of refs)
      jobs.push(await client.devices.power({ params: { ref: each }, body: { action } }, { signal: cli.signal }));
    if (!flagOption(cli.options, 'wait')) {
      show(cli, jobs, jobs.map(({ id }) => `${id}\n`).join(''));
      return;
    }
    const ended: Job[] = [];
    for (const { id } of jobs) ended.push(await followJob(cli, client, id, createProgressBar(cli.io)));
    const devices: Device[] = [];
    for (const each of refs) devices.push(await client.devices.get({ params: { ref: each } }, { signal: cli.signal }));
    show(
      cli,
      ended,
      devices.map((device, index) => `${device.name}: ${wordOf(action, device, ended[index])}\n`).join(''),
    );
    if (action === 'on' || action === 'cycle')
      hint(
        cli,
        `Whether they start is known when they are heard: drover boot watch${ref === undefined ? '' : ` ${ref}`}`,
      );
  };

const wordOf = (action: PowerAction, { power }: Device, job: Job | undefined): string =>
  action === 'query' ? String(job?.result?.['state']) : (power?.state ?? 'unknown');

export const on = act('on');
export const off = act('off');
export const cycle = act('cycle');
export const query = act('query');

export const set: Action = async (cli, [ref = '']) => {
  const driver = textOption(cli.options, 'driver');
  const isNone = flagOption(cli.options, 'none');
  if ((driver !== undefined) === isNone)
    throw new UsageError('What switches it is not said, or said twice', 'Give --driver or --none.');
  const values = Object.fromEntries(listOption(cli.options, 'value').map(pairOf));
  const power = driver === undefined ? null : { driver, values };
  const device = await connect(cli).devices.update({ params: { ref }, body: { power } }, { signal: cli.signal });
  show(cli, device, deviceText(cli.io, device));
};

const pairOf = (text: string): [string, string] => {
  const at = text.indexOf('=');
  if (at <= 0) throw new UsageError(`--value ${text} is no value`, 'Write it as port=7.');
  return [text.slice(0, at), text.slice(at + 1)];
};

export const drivers: Action = async (cli) => {
  const { items } = await connect(cli).power.drivers({}, { signal: cli.signal });
  showList(
    cli,
    items,
    [
      { title: 'DRIVER', value: ({ name }) => name },
      { title: 'KIND', value: ({ kind }) => kind },
      { title: 'NEEDS', value: ({ needs }) => needs.join(', ') },
      { title: 'TELLS', value: ({ canQuery }) => (canQuery ? 'yes' : 'no') },
    ],
    'No power drivers. Add one to power.drivers in the settings: docs/how-to/power.md.',
  );
};
