import type { BootForm, CardBoot } from '@drover/contract';
import { secretOf } from '../../../domain/boot-credential.js';
import { isNamedPi, modelNamed } from '../../../domain/board-model.js';
import type { Clock, Log } from '../../ports.js';
import type { BootBackend, WireIdentity } from '../ports.js';
import type { BoardBook, CurrentBoot } from './board-book.js';
import type { Boots } from './boots.js';
import type { Granted } from './device-api.js';

/** Boards whose kernel came from a card. */
export interface CardBoots {
  /** Begins a boot, or goes on with the one this board asked for before. `key`: of its card. */
  begin(
    form: BootForm,
    key: string | undefined,
    address: string,
  ): Promise<Exclude<Granted<CardBoot>, { kind: 'gone' }>>;
}

interface CardBootsDeps {
  readonly backend: Pick<BootBackend, 'admitCard'>;
  readonly book: BoardBook;
  readonly boots: Boots;
  readonly bootKey: () => string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly site: string;
}

const away = { kind: 'not-ready', retryAfter: 2, reason: 'the control plane is away' } as const;
/** A board that waits asks this often, which also keeps its session from counting as lost. */
const askAgainSeconds = 15;

/**
 * The control plane is asked each time, not the memory of this plane: the key of a card is kept nowhere here, and the exchange that follows needs the control
 * plane as well.
 */
export function createCardBoots({ backend, book, boots, bootKey, clock, log, site }: CardBootsDeps): CardBoots {
  const note = (
    boot: CurrentBoot,
    form: BootForm,
    address: string,
    outcome: 'booting' | 'waiting' | 'refused',
    reason?: string,
  ): void =>
    boots.note(boot, {
      ...{ type: 'card.asked', outcome, address, release: form.release },
      ...(reason === undefined ? {} : { reason: reason.slice(0, 1000) }),
    });

  const admit = (form: BootForm, key: string | undefined, wire: WireIdentity) =>
    backend
      .admitCard({
        ...{ wire, release: form.release },
        ...(key === undefined ? {} : { key }),
        ...(form.device === undefined ? {} : { device: form.device }),
        ...(form.boot === undefined ? {} : { boot: form.boot }),
      })
      .catch((error: unknown) => {
        log.warn({ err: error, mac: form.mac }, 'a board with a card must wait: the control plane is away');
        return undefined;
      });

  return {
    begin: async (form, key, address) => {
      const secretKey = bootKey();
      if (secretKey === undefined) return away;
      const wire = wireOf(form, site, address);
      const admission = await admit(form, key, wire);
      if (admission === undefined) return away;
      if (admission.kind === 'refused') {
        log.warn({ mac: form.mac, address, reason: admission.reason }, 'a board with a card was refused');
        return admission;
      }
      const { answer, misfit } = admission;
      const board = book.accept(answer, wire, clock.now());
      book.learnAddress(board, address, clock.now());
      const generation = answer.kind === 'boot' ? answer.plan.generation : null;
      const boot = boots.sign(board, { kind: 'card', at: clock.now(), nonce: form.nonce, generation });
      if (answer.kind === 'nothing') {
        note(boot, form, address, 'waiting', answer.reason);
        return { kind: 'not-ready', retryAfter: askAgainSeconds, reason: answer.reason };
      }
      if (misfit !== null) {
        note(boot, form, address, 'refused', misfit);
        boots.reached(boot, 'ended');
        return { kind: 'refused', reason: misfit };
      }
      note(boot, form, address, 'booting');
      const { id } = boot.track;
      const { hostname } = boot.device;
      return {
        kind: 'granted',
        value: { session: id, secret: secretOf(secretKey, id), mode: answer.plan.rootMode, hostname },
      };
    },
  };
}

/** What firmware shows of itself in a network boot, as the kernel tells it. */
const wireOf = ({ mac, serial, model }: BootForm, site: string, address: string): WireIdentity => ({
  ...{ site, mac, address, firmware: 'unknown', model: modelNamed(model), isPi: isNamedPi(model) },
  ...(serial === '' ? {} : { bootPrefix: serial.slice(-8) }),
  ...(model === '' ? {} : { modelName: model }),
});
