import { CpiFailure } from '../failure.js';
import { vmLabels, withVmLabels } from '../labels.js';
import type { ArgumentsOf } from '../schemas.js';
import type { Session } from '../session.js';
import { requireSupply, restart } from './power.js';
import { changeLabels, findVm, requireVm } from './vm.js';

export const hasVm = async (session: Session, [cid]: ArgumentsOf<'has_vm'>): Promise<boolean> =>
  (await findVm(session, cid)) !== undefined;

export const rebootVm = async (session: Session, [cid]: ArgumentsOf<'reboot_vm'>): Promise<null> => {
  const device = await requireVm(session, cid);
  requireSupply(device);
  await restart(session, device.id);
  return null;
};

/** As labels `bosh/...` of the board, beside those that say whose VM it is. */
export const setVmMetadata = async (
  session: Session,
  [cid, metadata]: ArgumentsOf<'set_vm_metadata'>,
): Promise<null> => {
  const { id } = await requireVm(session, cid);
  await changeLabels(session, id, ({ labels }) => {
    const { 'agent-id': agentId, 'director-uuid': director } = vmLabels(labels);
    const own = {
      ...(agentId === undefined ? {} : { 'agent-id': agentId }),
      ...(director === undefined ? {} : { 'director-uuid': director }),
    };
    return withVmLabels(labels, { ...own, ...metadata });
  });
  return null;
};

/** No Pi has more, whatever its model. */
const mostCores = 4;
const mostMemory = 16_384;

export const calculateVmCloudProperties = async (
  _session: Session,
  [{ cpu, ram, ephemeral_disk_size: ephemeral }]: ArgumentsOf<'calculate_vm_cloud_properties'>,
): Promise<Record<string, unknown>> => {
  if (cpu > mostCores || ram > mostMemory)
    throw new CpiFailure(
      'NotSupported',
      `No Pi has ${cpu} cores and ${ram} MiB: the most are ${mostCores} and ${mostMemory}.`,
    );
  return { memory: ram, ...(ephemeral === 0 ? {} : { ephemeral_disk: ephemeral }) };
};
