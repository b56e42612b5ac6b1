import type { PayloadBudget } from './payload-budget.js';
import type { NbdSettings } from './settings.js';

/** What a connection may have of the shared budget when that is used up. */
const entitledBytes = 1 << 20;

/** Requests of one connection that are taken up and whose replies have not left, with their payloads. */
export class InFlight {
  private readonly limits: Pick<NbdSettings, 'requestsInFlight' | 'bytesInFlight'>;
  private readonly budget: PayloadBudget;
  private readonly retry: () => void;
  private requests = 0;
  private bytes = 0;
  private stopWaiting: (() => void) | undefined;

  /** `retry`: the shared budget may have room again after it had none. */
  constructor(
    limits: Pick<NbdSettings, 'requestsInFlight' | 'bytesInFlight'>,
    budget: PayloadBudget,
    retry: () => void,
  ) {
    this.limits = limits;
    this.budget = budget;
    this.retry = retry;
  }

  /** Takes room for one more request with a payload of `cost` bytes; false when there is none. */
  admit(cost: number): boolean {
    const { limits, budget } = this;
    if (this.requests >= limits.requestsInFlight) return false;
    if (cost > 0) {
      if (this.bytes > 0 && this.bytes + cost > limits.bytesInFlight) return false;
      if (!budget.take(cost, this.bytes === 0 && cost <= entitledBytes)) {
        this.stopWaiting ??= budget.wait(() => {
          this.stopWaiting = undefined;
          this.retry();
        });
        return false;
      }
      this.bytes += cost;
    }
    this.requests += 1;
    return true;
  }

  release(requests: number, cost: number): void {
    this.requests -= requests;
    this.bytes -= cost;
    if (cost > 0) this.budget.give(cost);
  }

  /** Asks for no more room. */
  stopAsking(): void {
    this.stopWaiting?.();
    this.stopWaiting = undefined;
  }

  /** Gives back everything: nothing is in flight any more. */
  close(): void {
    this.budget.give(this.bytes);
    this.bytes = 0;
  }
}
