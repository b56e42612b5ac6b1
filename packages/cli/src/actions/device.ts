import type { Device, DeviceState, HealthStatus, Model } from '@drover/contract';
import { flagOption, labelsOf, listOption, requiredOption, textOption, UsageError, type Action } from '../command.js';
import { connect } from '../connect.js';
import { gather, hint, show, showList } from '../show.js';
import { sizeOf } from './disk.js';
import { agoText } from '../terminal/format.js';
import { factsText } from '../terminal/table.js';
import type { Io } from '../terminal/io.js';

const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

const identityText = ({ mac, serial, bootPrefix }: Device): string => serial ?? bootPrefix ?? mac ?? '';

/** `up` when the board runs what it was assigned; what it waits for, or runs instead, otherwise. */
const conditionText = ({ assignment, upGeneration, stateReason, health }: Device): string => {
  if (stateReason !== null) return stateReason;
  if (assignment === null) return '';
  if (health.fellBack) return `fell back to ${health.image}`;
  return upGeneration === assignment.generation ? 'up' : 'not up yet';
};

/** As one word in a list: nothing for a board that never tells. */
const healthText = ({ health }: Device): string => (health.status === 'unknown' ? '' : health.status);

/** With what fails, and when it was told. */
const healthFacts = ({ health }: Device, now: number): [string, string | null | undefined][] => {
  if (health.status === 'unknown') return [];
  const failed = health.checks.length === 0 ? '' : `, failed: ${health.checks.join(', ')}`;
  return [
    ['health', `${health.status}${failed}, told ${agoText(health.reportedAt, now)}`],
    ['runs', `${health.image ?? 'an unknown image'}${health.offline === true ? ', started without the server' : ''}`],
    ['root', health.root],
    ['started', agoText(startedAt(health), now)],
  ];
};

/** When the system of a board started, as it told. */
const startedAt = ({ reportedAt, uptimeSeconds }: Device['health']): string | null =>
  reportedAt === null || uptimeSeconds === null
    ? null
    : new Date(Date.parse(reportedAt) - uptimeSeconds * 1000).toISOString();

/** `on, by switch-2 (port=7)`, and what is wrong with it. */
const powerText = ({ power }: Device): string | null => {
  if (power === null) return null;
  const values = Object.entries(power.values).map(([name, value]) => `${name}=${value}`);
  const place = values.length === 0 ? power.driver : `${power.driver} (${values.join(', ')})`;
  return `${power.state}, by ${place}${power.failure === null ? '' : `: ${power.failure}`}`;
};

/** `serial.lan:2001`, or how ssh gets there. */
const consoleText = ({ console }: Device): string | null => {
  if (console === null) return null;
  const place = `${console.host}:${console.port}`;
  return console.kind === 'tcp' ? place : `${console.command}, by ssh at ${console.user}@${place}`;
};

export const deviceText = (io: Io, device: Device): string =>
  factsText(io, [
    ['name', device.name],
    ['id', device.id],
    ['state', device.state],
    ['condition', conditionText(device)],
    ['model', device.modelName ?? device.model],
    ['serial', device.serial],
    ['memory', device.memoryMiB === null ? null : `${device.memoryMiB} MiB`],
    ['boot prefix', device.bootPrefix],
    ['MAC', device.mac],
    ['site', device.site],
    ['tenant', device.tenant],
    ['labels', labelsText(device.labels)],
    ['image', device.assignment?.imageName],
    ['root mode', device.assignment?.rootMode],
    ['kept until', device.assignment?.leaseUntil],
    ['disk', device.assignment?.disk],
    ['kernel parameters', device.assignment?.kernelParameters],
    ['power', powerText(device)],
    ['console', consoleText(device)],
    ['address', device.lastAddress],
    ['last seen', agoText(device.lastSeenAt, Date.now())],
    ['last boot', device.lastSession],
    ...healthFacts(device, Date.now()),
  ]);

export const list: Action = async (cli) => {
  const { options } = cli;
  const labels = listOption(options, 'label');
  const devices = await gather(cli, connect(cli), 'listDevices', {
    query: {
      state: textOption(options, 'state') as DeviceState | undefined,
      model: textOption(options, 'model') as Model | undefined,
      image: textOption(options, 'image'),
      health: textOption(options, 'health') as HealthStatus | undefined,
      ...(labels.length === 0 ? {} : { selector: labels.join(',') }),
    },
  });
  const now = Date.now();
  showList(
    cli,
    devices,
    [
      { title: 'NAME', value: (device) => device.name },
      { title: 'STATE', value: (device) => device.state },
      { title: 'MODEL', value: (device) => device.model },
      { title: 'IDENTITY', value: identityText },
      { title: 'IMAGE', value: (device) => device.assignment?.imageName },
      { title: 'CONDITION', value: conditionText },
      { title: 'HEALTH', value: healthText },
      { title: 'ADDRESS', value: (device) => device.lastAddress },
      { title: 'SEEN', value: (device) => agoText(device.lastSeenAt, now) },
      { title: 'LABELS', value: (device) => labelsText(device.labels) },
    ],
    'No devices. Switch a board on: it appears here as discovered.',
  );
};

const showOne: Action = async (cli, [ref = '']) => {
  const device = await connect(cli).devices.get({ params: { ref } }, { signal: cli.signal });
  show(cli, device, deviceText(cli.io, device));
};
export { showOne as show };

export const adopt: Action = async (cli, [ref = '']) => {
  const name = textOption(cli.options, 'name');
  const labels = listOption(cli.options, 'label');
  const body = {
    ...(name === undefined ? {} : { name }),
    ...(labels.length === 0 ? {} : { labels: labelsOf(labels) }),
  };
  const device = await connect(cli).devices.adopt({ params: { ref }, body }, { signal: cli.signal });
  show(cli, device, `${device.name} is ${device.state}.\n`);
  hint(cli, `Give it an image: drover provision --image <image> --device ${device.name} --wait`);
};

/** `k=v` sets, `k-` takes away. */
const relabelled = (labels: Readonly<Record<string, string>>, changes: readonly string[]): Record<string, string> => {
  const gone = new Set(
    changes.filter((text) => text.endsWith('-') && !text.includes('=')).map((text) => text.slice(0, -1)),
  );
  const set = labelsOf(changes.filter((text) => text.includes('=')));
  const odd = changes.find((text) => !text.includes('=') && !text.endsWith('-'));
  if (odd !== undefined)
    throw new UsageError(`${odd} is no change of labels`, 'Write k=v to set one and k- to take one away.');
  return { ...Object.fromEntries(Object.entries(labels).filter(([key]) => !gone.has(key))), ...set };
};

export const label: Action = async (cli, [ref = '', ...changes]) => {
  const client = connect(cli);
  const before = await client.devices.get({ params: { ref } }, { signal: cli.signal });
  const device = await client.devices.update(
    { params: { ref: before.id }, body: { labels: relabelled(before.labels, changes) } },
    { signal: cli.signal, ifMatch: before.etag },
  );
  show(cli, device, `${device.name}: ${labelsText(device.labels) || 'no labels'}\n`);
};

export const rename: Action = async (cli, [ref = '', name = '']) => {
  const device = await connect(cli).devices.update({ params: { ref }, body: { name } }, { signal: cli.signal });
  show(cli, device, `${device.name}\n`);
};

export const create: Action = async (cli) => {
  const { options } = cli;
  const fields = { name: 'name', mac: 'mac', serial: 'serial', bootPrefix: 'bootPrefix', site: 'site' } as const;
  const given = Object.fromEntries(
    Object.entries(fields).flatMap(([field, option]) => {
      const value = textOption(options, option);
      return value === undefined ? [] : [[field, field === 'mac' ? value.toLowerCase().replaceAll('-', ':') : value]];
    }),
  );
  const memory = textOption(options, 'memory');
  const body = {
    ...given,
    ...(memory === undefined ? {} : { memoryMiB: Math.ceil(sizeOf(memory) / 2 ** 20) }),
    model: (textOption(options, 'model') ?? 'other') as Model,
    labels: labelsOf(listOption(options, 'label')),
  };
  const device = await connect(cli).devices.create({ body }, { signal: cli.signal });
  show(cli, device, deviceText(cli.io, device));
};

export const card: Action = async (cli, [ref = '', id = '']) => {
  const key = requiredOption(cli.options, 'of', 'Name the key that the card asks with: see `drover key list`.');
  const { bootLayers } = connect(cli);
  const params = { ref, key, card: id };
  if (flagOption(cli.options, 'off')) {
    await bootLayers.unbindCard({ params }, { signal: cli.signal });
    show(cli, { unbound: id }, `The card ${id} is not ${ref} any more.\n`);
    return;
  }
  const device = await bootLayers.bindCard({ params }, { signal: cli.signal });
  show(cli, device, `The card ${id} is ${device.name}.\n`);
};

export const remove: Action = async (cli, [ref = '']) => {
  await connect(cli).devices.delete({ params: { ref } }, { signal: cli.signal });
  show(cli, { deleted: ref }, `${ref} is forgotten.\n`);
};
