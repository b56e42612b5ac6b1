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
  throw new UsageError(`"${text}" is not a number of disks`, 'Write a number, or none.');
};

const atMost = (bytes: number | null): string => (bytes === null ? 'as many as there are' : bytesText(bytes));

export const setQuota: Action = async (cli, [ref = '']) => {
  const disks = limitOf(textOption(cli.options, 'disks'), countOf);
  const diskBytes = limitOf(textOption(cli.options, 'diskBytes'), sizeOf);
  const backupBytes = limitOf(textOption(cli.options, 'backupBytes'), sizeOf);
  const quota: Quota = {
    ...(disks === undefined ? {} : { disks }),
    ...(diskBytes === undefined ? {} : { diskBytes }),
    ...(backupBytes === undefined ? {} : { backupBytes }),
  };
  if (Object.keys(quota).length === 0)
    throw new UsageError(
      'What the tenant may have is not said',
      'Give --disks, --disk-bytes, --backup-bytes or some of them.',
    );
  const tenant = await connect(cli).tenants.update({ params: { ref }, body: { quota } }, { signal: cli.signal });
  const facts = factsText(cli.io, [
    ['name', tenant.name],
    ['disks', tenant.quota.disks === null ? 'any number' : String(tenant.quota.disks)],
    ['bytes of disks', atMost(tenant.quota.diskBytes)],
    ['bytes of backups', atMost(tenant.quota.backupBytes)],
  ]);
  show(cli, tenant, facts);
};
