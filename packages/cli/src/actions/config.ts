import type { BootConfigChange, BootDocument, BootLayer } from '@drover/contract';
import type { Client } from '@drover/sdk';
import { flagOption, listOption, numberOption, textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { gather, hint, show, showList } from '../show.js';
import { agoText, safeText } from '../terminal/format.js';
import { tableText } from '../terminal/table.js';

/** The layer that a command line means. */
export const layerOf = ({ options }: Pick<Cli, 'options'>, device: string | undefined): string => {
  const labels = listOption(options, 'label');
  const card = textOption(options, 'card');
  const named = [
    ...(device === undefined || device === '' ? [] : [`device:${device}`]),
    ...(flagOption(options, 'default') ? ['default'] : []),
    ...(labels.length === 0 ? [] : [`group:${labels.join(',')}`]),
    ...(card === undefined ? [] : [`card:${card}`]),
  ];
  const [layer] = named;
  if (layer !== undefined && named.length === 1) return layer;
  throw new UsageError(
    named.length === 0 ? 'Nothing says whose config is meant' : `${named.join(' and ')} cannot be meant at once`,
    'Name one device, or --default, --label k=v or --card KEY:ID.',
  );
};

/** What a layer says now, or nothing yet. */
export interface Current {
  readonly layer: string;
  readonly document: BootDocument;
  readonly version: number;
}

export const currentOf = async (cli: Cli, client: Client, layer: string): Promise<Current> => {
  try {
    const { document, version } = await client.bootLayers.get({ params: { layer } }, { signal: cli.signal });
    return { layer, document: document ?? {}, version };
  } catch (error) {
    if (isNothing(error)) return { layer, document: {}, version: 0 };
    throw error;
  }
};

const isNothing = (error: unknown): boolean =>
  error instanceof Error && 'problem' in error && (error.problem as { code?: string }).code === 'boot-config.not-found';

/** Replaces what was read as {@link Current}; refused when somebody changed it meanwhile. */
export const save = (
  cli: Cli,
  client: Client,
  { layer, version }: Current,
  document: BootDocument,
): Promise<BootLayer> =>
  client.bootLayers.put(
    {
      params: { layer },
      body: { document, version, ...priorityIn(cli), reason: textOption(cli.options, 'reason') ?? '' },
    },
    { signal: cli.signal },
  );

const priorityIn = ({ options }: Cli): { priority?: number } => {
  const priority = numberOption(options, 'priority', 0);
  return priority === undefined ? {} : { priority };
};

export const documentText = (document: unknown): string => `${JSON.stringify(document, null, 2)}\n`;

export const list: Action = async (cli) => {
  const layers = await gather(cli, connect(cli), 'listBootLayers');
  const now = Date.now();
  showList(
    cli,
    layers,
    [
      { title: 'LAYER', value: ({ ref }) => ref },
      { title: 'VERSION', value: ({ version }) => version, right: true },
      { title: 'PRIORITY', value: ({ priority }) => priority, right: true },
      { title: 'SAYS', value: ({ document }) => Object.keys(document ?? {}).join(',') },
      { title: 'CHANGED', value: ({ updatedAt }) => agoText(updatedAt, now) },
    ],
    'No boot configs. Begin with one for all: drover config set --default',
  );
};

export const get: Action = async (cli, [device]) => {
  const layer = layerOf(cli, device);
  const found = await connect(cli).bootLayers.get({ params: { layer } }, { signal: cli.signal });
  show(cli, found, safeText(documentText(found.document)));
};

const changeText = ({ change, path, before, after }: BootConfigChange): string => {
  const [old, fresh] = [JSON.stringify(before), JSON.stringify(after)];
  if (change === '~') return `~ ${path}: ${old} -> ${fresh}`;
  return `${change} ${path}: ${change === '+' ? fresh : old}`;
};

export const diff: Action = async (cli, [device]) => {
  const layer = layerOf(cli, device);
  const query = { from: numberOption(cli.options, 'from'), to: numberOption(cli.options, 'to') };
  const found = await connect(cli).bootLayers.diff({ params: { layer }, query }, { signal: cli.signal });
  show(cli, found, safeText(found.changes.map((each) => `${changeText(each)}\n`).join('')));
  if (found.changes.length === 0) hint(cli, `Versions ${found.from} and ${found.to} say the same.`);
};

export const history: Action = async (cli, [device]) => {
  const layer = layerOf(cli, device);
  const versions = await gather(cli, connect(cli), 'listBootLayerVersions', { params: { layer } });
  showList(
    cli,
    versions,
    [
      { title: 'VERSION', value: ({ version }) => version, right: true },
      { title: 'AT', value: ({ at }) => at },
      { title: 'BY', value: ({ author }) => author },
      { title: 'SAYS', value: ({ document }) => (document === null ? 'nothing' : Object.keys(document).join(',')) },
      { title: 'REASON', value: ({ reason }) => reason },
    ],
    'No versions.',
  );
};

export const revert: Action = async (cli, [device]) => {
  const layer = layerOf(cli, device);
  const to = numberOption(cli.options, 'to');
  if (to === undefined) throw new UsageError('--to is missing', 'Name a version: see `drover config history`.');
  const body = { to, reason: textOption(cli.options, 'reason') ?? '' };
  const saved = await connect(cli).bootLayers.revert({ params: { layer }, body }, { signal: cli.signal });
  show(cli, saved, `${layer} says what it said in version ${to}, and is at version ${saved.version}.\n`);
};

export const explain: Action = async (cli, [device]) => {
  const layer = layerOf(cli, device);
  const found = await connect(cli).bootLayers.explain({ params: { layer } }, { signal: cli.signal });
  const columns = [
    { title: 'VALUE', value: ({ path }: (typeof found.values)[number]) => path },
    { title: 'IS', value: ({ value }: (typeof found.values)[number]) => shortened(JSON.stringify(value)) },
    { title: 'FROM', value: (each: (typeof found.values)[number]) => each.layer },
  ];
  show(cli, found, tableText(cli.io, columns, found.values));
  const layers = found.layers.map(({ ref, version }) => `${ref} (version ${version})`);
  hint(cli, layers.length === 0 ? 'No layer says anything.' : `Layers, the lowest first: ${layers.join(', ')}`);
};

/** Scripts in base64 are long. */
const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text);

export const remove: Action = async (cli, [device]) => {
  const layer = layerOf(cli, device);
  const query = { reason: textOption(cli.options, 'reason') ?? '' };
  await connect(cli).bootLayers.delete({ params: { layer }, query }, { signal: cli.signal });
  show(cli, { deleted: layer }, `${layer} says nothing any more.\n`);
};
