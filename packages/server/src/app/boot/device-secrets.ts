import { generateKeyPair, type KeyPairKeyObjectResult } from 'node:crypto';
import { openSshKey, type HostKeyType, type PrivateJwk } from '../../domain/openssh-key.js';
import type { DeviceSecrets } from '../devices/ports.js';
import type { Ids, Log } from '../ports.js';
import type { Store } from '../store/ports.js';

export interface DeviceSecretsMaker {
  /** What makes this device itself: made at the first call, the same for good. */
  ensure(device: string, hostname: string): Promise<DeviceSecrets>;
  /** The same in the background, so that it is there when the board asks. */
  prepare(device: string, hostname: string): void;
  /** Makes no more; resolves when what is being made is stored. */
  stop(): Promise<void>;
}

interface Deps {
  readonly store: Store;
  readonly ids: Ids;
  readonly log: Log;
  readonly generate?: (type: HostKeyType) => Promise<PrivateJwk>;
}

const keyTypes: readonly HostKeyType[] = ['ed25519', 'ecdsa', 'rsa'];

/** As ssh-keygen -A makes them. */
export const generateHostKey = (type: HostKeyType): Promise<PrivateJwk> =>
  new Promise((resolve, reject) => {
    const done = (error: Error | null, pair?: KeyPairKeyObjectResult): void => {
      if (error !== null) reject(error);
      else resolve(pair!.privateKey.export({ format: 'jwk' }));
    };
    const take = (
      error: Error | null,
      _public: KeyPairKeyObjectResult['publicKey'],
      privateKey: KeyPairKeyObjectResult['privateKey'],
    ) => done(error, { publicKey: _public, privateKey });
    if (type === 'ed25519') generateKeyPair('ed25519', {}, take);
    else if (type === 'ecdsa') generateKeyPair('ec', { namedCurve: 'P-256' }, take);
    else generateKeyPair('rsa', { modulusLength: 3072 }, take);
  });

export function createDeviceSecrets({ store, ids, log, generate = generateHostKey }: Deps): DeviceSecretsMaker {
  const making = new Map<string, Promise<DeviceSecrets>>();
  /** RSA keys take a second of a processor each: one device after the other. */
  let last: Promise<unknown> = Promise.resolve();
  let stopping = false;

  const make = async (hostname: string): Promise<DeviceSecrets> => {
    const sshHostKeys: Record<string, string> = {};
    for (const type of keyTypes) {
      const check = Number.parseInt(ids.randomHex(4), 16);
      const key = openSshKey(await generate(type), `root@${hostname}`, check);
      sshHostKeys[`ssh_host_${type}_key`] = key.privateKey;
      sshHostKeys[`ssh_host_${type}_key.pub`] = `${key.publicKey}\n`;
    }
    return { machineId: ids.randomHex(16), sshHostKeys };
  };

  const makeAndStore = async (device: string, hostname: string): Promise<DeviceSecrets> => {
    const known = await store.read((tx) => tx.devices.secrets(device));
    if (known !== undefined) return known;
    if (stopping) throw new Error('the server stops');
    const made = await make(hostname);
    return store.transaction(async (tx) => {
      const meanwhile = await tx.devices.secrets(device);
      if (meanwhile !== undefined) return meanwhile;
      await tx.devices.saveSecrets(device, made);
      return made;
    });
  };

  const ensure = (device: string, hostname: string): Promise<DeviceSecrets> => {
    const known = making.get(device);
    if (known !== undefined) return known;
    const turn = last.then(() => makeAndStore(device, hostname)).finally(() => making.delete(device));
    last = turn.catch(() => undefined);
    making.set(device, turn);
    return turn;
  };

  return {
    ensure,
    prepare: (device, hostname) => {
      ensure(device, hostname).catch((error: unknown) => {
        if (!stopping) log.error({ err: error, device }, 'host keys could not be made');
      });
    },
    stop: async () => {
      stopping = true;
      await last;
    },
  };
}
