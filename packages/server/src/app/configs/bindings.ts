import { refusal, success, type Device, type Principal, type Refusal, type Result } from '@drover/contract';
import { reaches, refuseBelow } from '../../domain/tenancy.js';
import { announce } from '../devices/change.js';
import { findDevice } from '../devices/find.js';
import { presentDevice } from '../devices/present.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { noKey } from './places.js';

/** The id of a card, in the scope of a key. */
export interface CardName {
  readonly key: string;
  readonly card: string;
}

/** Which device a card of CattlePi is, where its id does not tell. */
export interface CardBindings {
  /** Refuses with device.identity-conflict when another device is that card. */
  readonly bind: (who: Principal, ref: string, card: CardName) => Promise<Result<Device>>;
  readonly unbind: (who: Principal, ref: string, card: CardName) => Promise<Result<null>>;
}

const identityOf = ({ card }: CardName) => ({ kind: 'cattlepi-id' as const, value: card });

export const createCardBindings = ({
  store,
  clock,
}: {
  readonly store: Store;
  readonly clock: Clock;
}): CardBindings => {
  const now = (): string => new Date(clock.now()).toISOString();
  const change = async <T>(
    who: Principal,
    ref: string,
    card: CardName,
    work: (tx: Transaction, device: DeviceRecord) => Promise<Result<T>>,
  ): Promise<Result<T>> => {
    const refused = refuseBelow(who, 'operator');
    if (refused !== undefined) return refused;
    return store.transaction(async (tx) => {
      const found = await findDevice(tx, who, ref);
      if (!found.ok) return found;
      const key = await tx.keys.get(card.key);
      if (key === undefined || !reaches(who, key.tenant)) return noKey(card.key);
      const foreign = refuseForeign(found.value, key.tenant);
      return foreign ?? work(tx, found.value);
    });
  };
  const tell = (tx: Transaction, device: DeviceRecord, who: Principal, data: Record<string, unknown>) =>
    announce(tx, device, {
      type: 'device.updated',
      at: now(),
      data: { ...data, by: who.key },
    });
  return {
    bind: (who, ref, card) =>
      change(who, ref, card, async (tx, device) => {
        const added = await tx.devices.addIdentity(device.id, card.key, identityOf(card));
        if (!added.ok) return isAnother(card, added.heldBy);
        await tell(tx, device, who, { card });
        return success(presentDevice((await tx.devices.get(device.id)) ?? device, now()));
      }),
    unbind: (who, ref, card) =>
      change(who, ref, card, async (tx, device) => {
        const held = await tx.devices.findByIdentity(card.key, 'cattlepi-id', card.card);
        if (held?.id !== device.id) return isNot(card, device);
        await tx.devices.removeIdentity(card.key, identityOf(card));
        await tell(tx, device, who, { card: null });
        return success(null);
      }),
  };
};

const refuseForeign = (device: DeviceRecord, tenant: string | null): Refusal | undefined =>
  device.tenant === null || (tenant !== null && tenant !== device.tenant)
    ? refusal('device.state', `${device.name} does not belong to the tenant of that key.`, {
        remedy: 'Adopt the device first, or name a key of its tenant.',
      })
    : undefined;

const isAnother = ({ card }: CardName, device: string): Refusal =>
  refusal('device.identity-conflict', `The card ${card} is the device ${device}.`, {
    remedy: `Take it from that one first: drover device card ${device} ${card} --off`,
    conflicts: [device],
  });

const isNot = ({ card }: CardName, device: DeviceRecord): Refusal =>
  refusal('device.not-found', `${device.name} is not the card ${card} of that key.`, {
    remedy: 'See `drover device show` for what it is.',
  });
