import { createSocket } from 'node:dgram';
import { randomBytes } from 'node:crypto';
import type { Image, Model, Observation, Verdict } from '@drover/contract';
import { DroverError, type Client } from '@drover/sdk';
import {
  createIdentity,
  createRuntimeStage,
  powerCycle,
  type BoardIdentity,
  type BoardStep,
  type ModelName,
  type PowerCycleResult,
} from '@drover/simulator';
import { doctorMac } from './dhcp.js';
import { codeOf, done, pause, skipped, timestamp, type Card, type Probed, type ProbeContext } from './probe.js';
import { createStallWatch, Stalled } from './stall-watch.js';

/**
 * Plays a board of a model from power-on to up, against the real server, over this machine's network card. The board is a device of the server for that
 * long: registered, given an image, released and deleted again.
 */

/** The boards that can be played, by the names of devices. */
const played: Readonly<Partial<Record<Model, ModelName>>> = {
  pi2: '2b',
  pi3: '3b',
  'pi3+': '3b+',
  pi4: '4b',
  pi400: '400',
  cm4: 'cm4',
  pi5: '5',
  pi500: '500',
  cm5: 'cm5',
};
export const playedModels = Object.keys(played) as Model[];

export interface SimulateOptions {
  readonly client: Client;
  readonly models: readonly Model[];
  /** `name:version`; by default the newest image that runs on the model. */
  readonly image?: string;
  readonly onStep: (model: Model, step: BoardStep) => void;
}

/** Longest that one board may take. */
const boardMs = 300_000;
/** Longest wait for the root of the image to be packed, which is done once for each image. */
const rootMs = 600_000;
const pollMs = 500;
const releaseMs = 60_000;
/** The server releases what a doctor that was killed left behind. */
const ttlSeconds = 900;

const named = (model: Model) => ({ name: `simulate.${model}`, title: `A simulated ${model}, from power-on to up` });

const fits = (image: Image, model: Model): boolean =>
  image.state === 'ready' && image.facts?.models.includes(model) === true && image.facts.rootModes.includes('ram');

const imageFor = async ({ client, image }: SimulateOptions, model: Model): Promise<string | undefined> => {
  if (image !== undefined) return image;
  for await (const each of client.each('listImages')) if (fits(each, model)) return each.ref;
  return undefined;
};

/** A board of the model with a serial by chance and a hardware address of the doctor's, whatever the model's rule for that is. */
const identityOf = (model: ModelName): BoardIdentity => ({
  ...createIdentity({ model, serial: randomBytes(4).toString('hex') }),
  mac: doctorMac(),
});

/** DHCPRELEASE (RFC 2131, section 4.4.6), so that no pool keeps an address for a board that never was. */
const releasePacket = (mac: string, address: string, server: string): Buffer => {
  const quad = (text: string): Buffer => Buffer.from(text.split('.').map(Number));
  const packet = Buffer.alloc(236);
  Buffer.from('01010600', 'hex').copy(packet);
  randomBytes(4).copy(packet, 4);
  quad(address).copy(packet, 12);
  Buffer.from(mac.replaceAll(':', ''), 'hex').copy(packet, 28);
  return Buffer.concat([packet, Buffer.from('63825363350107' + '3604', 'hex'), quad(server), Buffer.from('ff', 'hex')]);
};

interface Lease {
  readonly server: string;
  readonly address: string;
}

const giveBack = ({ server, address }: Lease, mac: string): Promise<void> =>
  new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.on('error', () => resolve());
    socket.send(releasePacket(mac, address, server), 67, server, () => socket.close(() => resolve()));
  });

/** Released and forgotten again. Undefined: nothing of it is left. */
const removeDevice = async (client: Client, ref: string): Promise<string | undefined> => {
  try {
    const device = await client.call('getDevice', { params: { ref } });
    if (device.assignment !== null) await client.call('releaseDevice', { params: { ref }, query: { force: 'true' } });
    for (
      const until = Date.now() + releaseMs;
      Date.now() < until;
      await pause(pollMs, AbortSignal.timeout(releaseMs))
    ) {
      const { state } = await client.call('getDevice', { params: { ref } });
      if (state !== 'releasing' && state !== 'preparing') break;
    }
    await client.call('deleteDevice', { params: { ref } });
    return undefined;
  } catch (error) {
    if (error instanceof DroverError && error.code === 'device.not-found') return undefined;
    return error instanceof Error ? error.message : String(error);
  }
};

const verdictOf = async (client: Client, ref: string): Promise<Verdict | null> => {
  const { lastSession } = await client.call('getDevice', { params: { ref } });
  if (lastSession === null) return null;
  return (await client.call('getSession', { params: { id: lastSession } })).verdict;
};

interface Play {
  readonly options: SimulateOptions;
  readonly model: Model;
  readonly card: Card;
  readonly identity: BoardIdentity;
  readonly signal: AbortSignal;
}

/** Until the device can boot all the way; why not, where that does not come to be. */
const untilReady = async (client: Client, ref: string, signal: AbortSignal): Promise<string | undefined> => {
  for (const until = Date.now() + rootMs; Date.now() < until && !signal.aborted; await pause(pollMs, signal)) {
    const { state, stateReason } = await client.call('getDevice', { params: { ref } });
    if (state === 'in-use') return undefined;
    if (state !== 'preparing') return `its device is ${state}: ${stateReason ?? 'no reason is known'}`;
  }
  return 'the root of its image is still being packed: try again later';
};

type Ended = Pick<PowerCycleResult, 'up' | 'failure' | 'message'>;

const boot = async ({ options, model, card, identity, signal }: Play): Promise<Ended> => {
  const leases = new Map<string, Lease>();
  const watch = createStallWatch(boardMs);
  const onStep = (step: BoardStep): void => {
    watch.saw(step);
    if (step.type === 'dhcp-ack') leases.set(step.address, { server: step.from, address: step.address });
    options.onStep(model, step);
  };
  try {
    // From its own address where that can be: servers, firewalls and the boot ROM of a Pi 3 are told apart by it.
    const alias = process.getuid?.() === 0 ? { aliasInterface: card.name } : {};
    const network = { mode: 'broadcast', sourceAddress: card.address, ...alias } as const;
    const board = { identity, network, content: 'discard', onStep } as const;
    return await powerCycle({ board, osStage: createRuntimeStage() }, AbortSignal.any([signal, watch.signal]));
  } catch (error) {
    if (!(error instanceof Stalled)) throw error;
    return { up: false, failure: error.step, message: error.message };
  } finally {
    watch.end();
    await Promise.all([...leases.values()].map((lease) => giveBack(lease, identity.mac)));
  }
};

const hostFaults: Readonly<Record<string, string>> = {
  EACCES: 'UDP port 68 needs root, or CAP_NET_BIND_SERVICE',
  EPERM: 'UDP port 68 needs root, or CAP_NET_BIND_SERVICE',
  EADDRINUSE: 'another program has UDP port 68 to itself (a DHCP client?)',
};

/** `config:not-found` stopped at config, `os:exchange` at the exchange. */
const stepOf = ({ failure }: Ended): string | null => failure?.replace(/^os:/, '').split(':')[0] ?? null;

const playOne = async (play: Play, image: string, context: ProbeContext): Promise<Probed> => {
  const { options, model, identity } = play;
  const { client } = options;
  const device = `doctor-${model.replace('+', 'plus')}-${identity.shortSerial}`;
  const { mac, serial, shortSerial: bootPrefix } = identity;
  const seen: Observation[] = [];
  let reason: string | undefined;
  try {
    const labels = { doctor: 'simulation' };
    await client.call('createDevice', { body: { name: device, mac, serial, bootPrefix, model, labels } });
    await client.call('provision', { body: { image, device, rootMode: 'ram', ttlSeconds } });
    reason = await untilReady(client, device, play.signal);
    const result = reason === undefined ? await boot(play) : undefined;
    if (result !== undefined)
      seen.push({
        ...{ kind: 'simulation', at: timestamp(context), by: `a simulated ${model}`, model, message: result.message },
        outcome: result.up ? 'up' : 'failed',
        step: stepOf(result),
        verdict: result.up ? null : await verdictOf(client, device),
      });
  } catch (error) {
    reason = hostFaults[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
  }
  const left = await removeDevice(client, device);
  if (left !== undefined) reason ??= `the device ${device} could not be removed again: ${left}`;
  return reason === undefined ? done(named(model), seen) : skipped(named(model), reason, seen);
};

/** Boards of a doctor that was killed: the server has released them by now. Whoever may not remove them leaves them. */
const removeLeftovers = async (client: Client, { now }: ProbeContext): Promise<void> => {
  const old = now() - ttlSeconds * 1000;
  try {
    for await (const { id, createdAt } of client.each('listDevices', { query: { selector: 'doctor=simulation' } })) {
      if (Date.parse(createdAt) < old) await removeDevice(client, id);
    }
  } catch (error) {
    if (!(error instanceof DroverError)) throw error;
  }
};

/** One board of each model, one after the other. */
export const simulate =
  (options: SimulateOptions) =>
  async (card: Card | undefined, context: ProbeContext): Promise<readonly Probed[]> => {
    const probed: Probed[] = [];
    await removeLeftovers(options.client, context);
    for (const model of options.models) {
      if (context.signal.aborted) break;
      const name = played[model];
      if (name === undefined || card === undefined) {
        probed.push(
          skipped(
            named(model),
            card === undefined ? 'there is no network card to ask from' : 'this model is not played',
          ),
        );
        continue;
      }
      const image = await imageFor(options, model).catch((error: unknown) => new Error(String(error)));
      if (image === undefined || image instanceof Error) {
        probed.push(
          skipped(named(model), image?.message ?? `no image that is ready runs on a ${model}: name one with --image`),
        );
        continue;
      }
      const { signal } = context;
      probed.push(await playOne({ options, model, card, identity: identityOf(name), signal }, image, context));
    }
    return probed;
  };
