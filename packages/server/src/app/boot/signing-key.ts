import { generateKeyPairSync } from 'node:crypto';
import { refusal, success, type CardKeyRoll, type CardKeys, type Principal, type Result } from '@drover/contract';
import { publicKeyFile, type SigningKey } from '../../domain/signify.js';
import { refuseBelow } from '../../domain/tenancy.js';
import type { Clock, Ids } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';

/** The keys that sign what self-updating cards are told: the same for every server on the database. */
export interface SigningKeys {
  readonly current: SigningKey;
  /** Announced by what the current one signs, so that boards know it before it is used. */
  readonly next: SigningKey | null;
}

export interface CardKeyUseCases {
  show(who: Principal): Promise<Result<CardKeys>>;
  /** Makes the next key, or has it sign from now on. The keys are the installation's: so must be the caller's. */
  roll(who: Principal, wanted: CardKeyRoll, also?: Also<CardKeys>): Promise<Result<CardKeys>>;
}

interface Deps {
  readonly store: Store;
  readonly ids: Ids;
  readonly clock: Clock;
}

const setting = 'card-keys';

function makeKey(ids: Ids): SigningKey {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  if (d === undefined || x === undefined) throw new Error('an Ed25519 key has no d or no x');
  return { number: ids.randomHex(8), d, x };
}

/** The keys, made at the first call. Read each time: another server may have rolled them. */
export async function signingKeys(tx: Transaction, ids: Ids): Promise<SigningKeys> {
  const known = await tx.settings.get(setting);
  if (known !== undefined) return JSON.parse(known) as SigningKeys;
  const made: SigningKeys = { current: makeKey(ids), next: null };
  return JSON.parse(await tx.settings.putIfAbsent(setting, JSON.stringify(made))) as SigningKeys;
}

export const keyComment = ({ number }: SigningKey): string => `Drover card key ${number}`;

const present = ({ current, next }: SigningKeys): CardKeys => {
  const file = (key: SigningKey): string => publicKeyFile(key, keyComment(key));
  return { publicKey: file(current), next: next === null ? null : file(next) };
};

/** The public key, as a file that signify reads. */
export const readCardKey = async ({ store, ids }: Pick<Deps, 'store' | 'ids'>): Promise<string> =>
  present(await store.transaction((tx) => signingKeys(tx, ids))).publicKey;

export const createCardKeys = ({ store, ids, clock }: Deps): CardKeyUseCases => ({
  show: async (who) =>
    refuseBelow(who, 'reader') ?? success(present(await store.transaction((tx) => signingKeys(tx, ids)))),
  roll: async (who, { finish }, also) => {
    const refused = refuseBelow(who, 'admin') ?? refuseTenant(who);
    if (refused !== undefined) return refused;
    return store.transaction(async (tx) => {
      const before = await signingKeys(tx, ids);
      const after = finish ? switched(before) : announced(before, ids);
      if (!after.ok) return after;
      await tx.settings.put(setting, JSON.stringify(after.value));
      const { current, next } = after.value;
      await tx.events.append({
        type: finish ? 'card-key.switched' : 'card-key.rolled',
        at: new Date(clock.now()).toISOString(),
        tenant: null,
        subject: (next ?? current).number,
        data: { current: current.number, next: next?.number ?? null, by: who.key },
      });
      const shown = present(after.value);
      await also?.(tx, shown);
      return success(shown);
    });
  },
});

const refuseTenant = (who: Principal) =>
  who.tenant === null
    ? undefined
    : refusal('auth.forbidden', 'The key that signs for cards is that of the whole installation.', {
        remedy: 'Use an admin key that belongs to no tenant.',
      });

const announced = ({ current, next }: SigningKeys, ids: Ids): Result<SigningKeys> =>
  next === null
    ? success({ current, next: makeKey(ids) })
    : refusal('card-key.state', `The next key ${next.number} is announced already.`, {
        remedy: 'Once every card has started with it, use it: drover card key roll --finish',
      });

const switched = ({ next }: SigningKeys): Result<SigningKeys> =>
  next === null
    ? refusal('card-key.state', 'There is no next key.', { remedy: 'Make one first: drover card key roll' })
    : success({ current: next, next: null });
