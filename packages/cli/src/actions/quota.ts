import type { BodyOf } from '@drover/contract';
import { textOption, UsageError, type Action } from '../command.js';
import { connect } from '../connect.js';
import { show } from '../show.js';
import { bytesText } from '../terminal/format.js';
import { factsText } from '../terminal/table.js';
import { sizeOf } from './disk.js';

type Quota = BodyOf<'updateTenant'>['quota'];

/** What an option says: a limit, none (null), or nothing. */
const limitOf = (text: string | undefined, read: (text: string) => number): number | null | undefined => {
  if (text === undefined) return undefined;
  return text === 'none' ? null : read(text);
};

const countOf = (text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`"${text}" is not a number of disks: write a number, or none.`);
};

export const setQuota: Action = async (cli, [ref = '']) => {
  const disks = limitOf(textOption(cli.options, 'disks'), countOf);
  const diskBytes = limitOf(textOption(cli.options, 'diskBytes'), sizeOf);
  if (disks === undefined && diskBytes === undefined)
    throw new UsageError('Say what the tenant may have: --disks, --disk-bytes or both.');
  const quota: Quota = { ...(disks === undefined ? {} : { disks }), ...(diskBytes === undefined ? {} : { diskBytes }) };
  const tenant = await connect(cli).tenants.update({ params: { ref }, body: { quota } }, { signal: cli.signal });
  const facts = factsText(cli.io, [
    ['name', tenant.name],
    ['disks', tenant.quota.disks === null ? 'any number' : String(tenant.quota.disks)],
    ['bytes of disks', tenant.quota.diskBytes === null ? 'as many as there are' : bytesText(tenant.quota.diskBytes)],
  ]);
  show(cli, tenant, facts);
};
