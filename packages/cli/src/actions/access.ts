import { readFile } from 'node:fs/promises';
import type { Role } from '@drover/contract';
import type { Client } from '@drover/sdk';
import { momentOption, textOption, UsageError, type Action, type Cli } from '../command.js';
import { connect } from '../connect.js';
import { gather, hint, show, showList } from '../show.js';
import { agoText } from '../terminal/format.js';
import { askSecret, canAsk } from '../terminal/ask.js';
import { factsText } from '../terminal/table.js';

const unitMs: Record<string, number> = { h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `90d`, `12h`, `2w` from now, or a moment, as RFC 3339 with milliseconds. */
export const momentOf = (text: string, now: number): string => {
  const span = /^(\d+)([hdw])$/.exec(text);
  const at = span === null ? Date.parse(text) : now + Number(span[1]) * (unitMs[span[2] ?? ''] ?? 0);
  if (Number.isNaN(at))
    throw new UsageError(`--expires ${text} is no time`, 'Write 12h, 90d, 8w, or a moment like 2027-01-01T00:00:00Z.');
  return new Date(at).toISOString();
};

/** Id of a tenant given by id or name. */
const tenantOf = async (cli: Cli, client: Client, text: string): Promise<string> => {
  if (text.startsWith('ten_')) return text;
  for await (const tenant of client.each('listTenants', {}, { signal: cli.signal })) {
    if (tenant.name === text) return tenant.id;
  }
  throw new UsageError(`There is no tenant ${text}`, 'See `drover tenant list`.');
};

/** What a new key is to be, by options. */
const wantedKey = async (cli: Cli, client: Client, name: string) => {
  const tenant = textOption(cli.options, 'tenant');
  const expires = textOption(cli.options, 'expires');
  return {
    name,
    role: (textOption(cli.options, 'role') ?? 'operator') as Role,
    ...(tenant === undefined ? {} : { tenant: await tenantOf(cli, client, tenant) }),
    ...(expires === undefined ? {} : { expiresAt: momentOf(expires, Date.now()) }),
  };
};

/** Never from the command line, which other users of this machine see. */
const readKey = async (cli: Cli): Promise<string> => {
  const file = textOption(cli.options, 'fromFile');
  if (file === undefined || file === '-') return askSecret(cli, canAsk() ? 'Key: ' : '');
  return readFile(file, 'utf8').then(
    (text) => text.replace(/\r?\n$/, ''),
    (error: NodeJS.ErrnoException) => {
      throw new UsageError(
        `--from-file ${file} cannot be read (${error.code ?? error.message})`,
        'Name a file that this user may read.',
      );
    },
  );
};

export const importKey: Action = async (cli, [name = '']) => {
  const key = await readKey(cli);
  const client = connect(cli);
  const body = { ...(await wantedKey(cli, client, name)), key };
  const known = await client.keys.import({ body }, { signal: cli.signal });
  show(cli, known, `${known.id}\n`);
  hint(cli, `${known.name}, ${known.role}: what holds this key may come in with it.`);
};

export const createKey: Action = async (cli, [name = '']) => {
  const client = connect(cli);
  const key = await client.keys.create({ body: await wantedKey(cli, client, name) }, { signal: cli.signal });
  show(cli, key, `${key.key}\n`);
  hint(cli, `${key.id}, ${key.role}. This key is not shown again.`);
};

export const listKeys: Action = async (cli) => {
  const keys = await gather(cli, connect(cli), 'listKeys');
  const now = Date.now();
  showList(
    cli,
    keys,
    [
      { title: 'KEY', value: (key) => key.id },
      { title: 'NAME', value: (key) => key.name },
      { title: 'ROLE', value: (key) => key.role },
      { title: 'TENANT', value: (key) => key.tenant ?? 'all' },
      { title: 'BEGINS', value: (key) => `${key.hint}...` },
      { title: 'USED', value: (key) => agoText(key.lastUsedAt, now) },
      { title: 'EXPIRES', value: (key) => key.expiresAt },
      { title: 'REVOKED', value: (key) => key.revokedAt },
    ],
    'No keys.',
  );
};

export const revokeKey: Action = async (cli, [id = '']) => {
  await connect(cli).keys.revoke({ params: { id } }, { signal: cli.signal });
  show(cli, { revoked: id }, `${id} is revoked.\n`);
};

export const listTenants: Action = async (cli) => {
  const tenants = await gather(cli, connect(cli), 'listTenants');
  showList(
    cli,
    tenants,
    [
      { title: 'NAME', value: (tenant) => tenant.name },
      { title: 'TENANT', value: (tenant) => tenant.id },
      { title: 'CREATED', value: (tenant) => tenant.createdAt },
    ],
    'No tenants.',
  );
};

export const createTenant: Action = async (cli, [name = '']) => {
  const tenant = await connect(cli).tenants.create({ body: { name } }, { signal: cli.signal });
  show(
    cli,
    tenant,
    factsText(cli.io, [
      ['name', tenant.name],
      ['id', tenant.id],
    ]),
  );
};

export const audit: Action = async (cli) => {
  const { options } = cli;
  const query = {
    ...{ key: textOption(options, 'by'), operation: textOption(options, 'operation') },
    ...{ subject: textOption(options, 'subject') },
    ...{ since: momentOption(options, 'since'), until: momentOption(options, 'until') },
  };
  const entries = await gather(cli, connect(cli), 'listAudit', { query });
  showList(
    cli,
    entries,
    [
      { title: 'AT', value: (entry) => entry.at },
      { title: 'KEY', value: (entry) => entry.keyName },
      { title: 'OPERATION', value: (entry) => entry.operation },
      { title: 'SUBJECT', value: (entry) => entry.subject },
      { title: 'OUTCOME', value: (entry) => entry.outcome },
      { title: 'ADDRESS', value: (entry) => entry.address },
      { title: 'REQUEST', value: (entry) => entry.requestId },
    ],
    'Nothing was done yet.',
  );
};
