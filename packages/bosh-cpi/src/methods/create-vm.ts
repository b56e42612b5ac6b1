import type { Device, Image } from '@drover/contract';
import { agentSettings } from '../agent-settings.js';
import { NetworkProperties, VmProperties } from '../cloud-properties.js';
import { explain, isRefusal } from '../explain.js';
import { idempotencyKey } from '../digests.js';
import { CpiFailure } from '../failure.js';
import { inTurn, succeed } from '../jobs.js';
import { withVmLabels } from '../labels.js';
import { ephemeralDiskName } from '../names.js';
import { parse } from '../parse.js';
import type { ArgumentsOf, Networks } from '../schemas.js';
import { waitFor, type Session } from '../session.js';
import { giveBack } from './delete-vm.js';
import { lookUpDisk, makeDisk, removeDisk } from './disks.js';
import { poweredOn, requireSupply } from './power.js';
import { findImage } from './stemcells.js';
import { changeLabels, putSettings } from './vm.js';

const mebibyte = 2 ** 20;

interface Wanted {
  readonly agentId: string;
  readonly image: Image;
  readonly properties: VmProperties;
  readonly networks: Networks;
  readonly site: string | undefined;
  readonly env: Readonly<Record<string, unknown>>;
  /** Unix time in ms: when create_vm has taken too long. */
  readonly until: number;
}

/**
 * A board that runs the stemcell with the settings of the agent, switched on. It is taken for as long as this may last and only then for good: when this process dies on the way, the
 * server gives the board back. The same call made again goes on with the same board.
 */
export const createVm = async (session: Session, given: ArgumentsOf<'create_vm'>): Promise<unknown> => {
  const [agentId, stemcell, bag, networks, , env] = given;
  const properties = parse(VmProperties, bag, 'create_vm.arguments.2');
  const site = await siteOf(session, networks);
  const image = await findImage(session, stemcell);
  if (image === undefined) throw new CpiFailure('CloudError', `There is no stemcell ${stemcell}.`);
  const until = session.clock.now() + session.settings.create_vm_seconds * 1000;
  const wanted: Wanted = { agentId, image, properties, networks, site, env: env ?? {}, until };
  const device = await take(session, wanted);
  // Made by the same call before, whose answer was lost.
  const isMade = device.assignment?.leaseUntil === null;
  try {
    if (!isMade) await makeVm(session, device, wanted);
    const filled = session.version === 1 ? networks : await filledIn(session, device, networks, until);
    // Last, as from now on nothing but the director gives it back.
    if (!isMade) await session.client.devices.lease({ params: { ref: device.id }, body: { ttlSeconds: null } });
    return session.version === 1 ? device.id : [device.id, filled];
  } catch (error) {
    throw isMade ? error : await undo(session, device, error);
  }
};

/** Boards have one interface, which stands at one place. */
const siteOf = async ({ client }: Session, networks: Networks): Promise<string | undefined> => {
  const own = Object.entries(networks).filter(([, { type }]) => type !== 'vip');
  if (own.length > 1)
    throw new CpiFailure(
      'NotSupported',
      `A Pi has one network interface, and not one for each of ${own.map(([name]) => name).join(', ')}.`,
    );
  const [[name = '', network] = []] = own;
  const { site } = parse(NetworkProperties, network?.cloud_properties ?? {}, `networks.${name}.cloud_properties`);
  if (site === undefined) return undefined;
  const { items } = await client.devices.list({ query: { site, limit: 1 } });
  if (items.length > 0) return site;
  throw new CpiFailure('NetworkNotFound', `The network ${name} is at the site ${site}, and no board stands there.`);
};

const mostAttempts = 100;

/** One free board under this agent's name. An answer from before that no longer holds, because the board was given back since, is not ours any more: another one is asked for. */
const take = async (session: Session, { agentId, image, properties, site }: Wanted): Promise<Device> => {
  const { client, director, settings } = session;
  const { labels = {}, root_disk: rootDisk, device, model, memory, spread } = properties;
  const selector = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const chosen =
    device === undefined ? (selector.length === 0 ? { any: true } : { selector: selector.join(',') }) : { device };
  const body = {
    ...{ image: image.id, rootMode: properties.root_mode, ttlSeconds: settings.create_vm_seconds, ...chosen },
    ...(properties.kernel_parameters === undefined ? {} : { kernelParameters: properties.kernel_parameters }),
    ...(rootDisk === undefined ? {} : { diskSize: rootDisk * mebibyte }),
    ...(model === undefined ? {} : { model }),
    ...(site === undefined ? {} : { site }),
    ...(memory === undefined ? {} : { memoryMiB: memory }),
    ...(spread === undefined ? {} : { spread }),
  };
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const key = idempotencyKey('create_vm', director, agentId, attempt);
    const given = await client.devices.provision({ body }, { idempotencyKey: key });
    const now = await client.devices.get({ params: { ref: given.id } });
    if (now.assignment !== null && now.assignment.generation === given.assignment?.generation) return now;
  }
  throw new CpiFailure('VMCreationFailed', `The agent ${agentId} was given ${mostAttempts} boards before.`);
};

const makeVm = async (session: Session, device: Device, wanted: Wanted): Promise<void> => {
  const { client, director } = session;
  const { agentId, networks, env, properties, until } = wanted;
  requireSupply(device);
  const params = { ref: device.id };
  await client.devices.lease({ params, body: { ttlSeconds: session.settings.create_vm_seconds } });
  await changeLabels(session, device.id, ({ labels }) =>
    withVmLabels(labels, { 'agent-id': agentId, 'director-uuid': director }),
  );
  const ephemeral = await ephemeralDisk(session, device, wanted);
  const defaults = session.settings.agent;
  await putSettings(
    session,
    device.id,
    agentSettings({ agentId, device, networks, ephemeral, persistent: [], env, defaults }),
  );
  const what = `${device.name}, which is made ready for ${properties.root_mode},`;
  const ready = await waitFor(session, what, until, async () => {
    const now = await client.devices.get({ params });
    if (now.assignment?.generation !== device.assignment?.generation)
      throw new CpiFailure('CloudError', `${now.name} was given back meanwhile.`);
    if (now.state === 'failed')
      throw new CpiFailure('CloudError', `${now.name} has failed: ${now.stateReason ?? 'nobody knows why'}.`);
    return now.state === 'in-use' ? now : undefined;
  });
  await poweredOn(session, ready);
};

/** Its name, where one is wanted. What a VM before this one left at this board is not given to the next. */
const ephemeralDisk = async (
  session: Session,
  { id, assignment }: Device,
  { agentId, properties }: Wanted,
): Promise<string | undefined> => {
  const { client, director } = session;
  const name = ephemeralDiskName(id);
  const size = properties.ephemeral_disk ?? 0;
  const key = ['ephemeral', director, agentId, assignment?.generation];
  const old = await lookUpDisk(session, name);
  const isUsable = old?.state === 'ready' || old?.state === 'creating';
  const isOurs = isUsable && old.createdAt >= (assignment?.assignedAt ?? '');
  if (old !== undefined && !isOurs) await removeDisk(session, old.id);
  if (size === 0) return undefined;
  const disk = isOurs ? old : await makeDisk(session, { size, name }, key);
  await succeed(session, disk.job);
  const attached = await inTurn(session, () => client.disks.attach({ params: { ref: disk.id }, body: { device: id } }));
  await succeed(session, attached.job);
  return name;
};

/** Gives the board back, and says why. Another board may do better. */
const undo = async (session: Session, { id, name, assignment }: Device, error: unknown): Promise<CpiFailure> => {
  const cause = explain(error);
  session.log.say(`${name} is given back: ${cause.message}`);
  let left = '';
  try {
    const now = await session.client.devices.get({ params: { ref: id } });
    if (now.assignment === null || now.assignment.generation === assignment?.generation) await giveBack(session, now);
  } catch (failure) {
    left = ` ${name} could not be given back: ${explain(failure).message}`;
    session.log.say(left);
  }
  const okToRetry = !isRefusal(error, 'image.unfit', 'image.not-ready', 'quota.exceeded', 'storage.full');
  return new CpiFailure('VMCreationFailed', `${name}: ${cause.message}${left}`, { cause: error, okToRetry });
};

/** A board tells its address when it asks for its files, within seconds of power. */
const addressMs = 120_000;

/** Networks as they are: an address that the network gives is known when the board was heard. */
const filledIn = async (
  session: Session,
  { id, mac, assignment }: Device,
  networks: Networks,
  until: number,
): Promise<Networks> => {
  const { client, clock, log } = session;
  if (!Object.values(networks).some(({ type }) => type === 'dynamic')) return networks;
  const since = assignment?.assignedAt ?? '';
  const address = await waitFor(
    session,
    'the first sign of the board',
    Math.min(until, clock.now() + addressMs),
    async () => {
      const { lastAddress, lastSeenAt } = await client.devices.get({ params: { ref: id } });
      return lastSeenAt !== null && lastSeenAt >= since ? (lastAddress ?? undefined) : undefined;
    },
  ).catch((error: unknown) => {
    log.say(`no address yet: ${explain(error).message}`);
    return undefined;
  });
  return Object.fromEntries(
    Object.entries(networks).map(([name, network]) => {
      if (network.type !== 'dynamic') return [name, network];
      return [
        name,
        { ...network, ...(address === undefined ? {} : { ip: address }), ...(mac === null ? {} : { mac }) },
      ];
    }),
  );
};
