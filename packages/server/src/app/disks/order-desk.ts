import { RefusedError } from '@drover/contract';
import type { DiskOrder, DiskOrderReport, DiskOrderResult } from './orders.js';

export interface PlaceOptions {
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number | null) => void;
}

/**
 * Where jobs of the control plane and the boot plane meet: a job places an order and waits; the boot plane takes orders and hands in reports. Nothing of it
 * is kept: after a restart the job places its order again, under the id it had, and the boot plane carries it out again or says how it ended.
 */
export interface OrderDesk {
  /** Resolves with the result, rejects with RefusedError or the signal's reason; from then on the order does not stand. */
  place(order: DiskOrder, options: PlaceOptions): Promise<DiskOrderResult>;
  /** Takes reports, and gives all orders that stand: at once when they are others than those known, else when that changes or the signal is aborted. */
  exchange(
    known: readonly string[],
    reports: readonly DiskOrderReport[],
    signal: AbortSignal,
  ): Promise<readonly DiskOrder[]>;
}

interface Standing extends PlaceOptions {
  readonly order: DiskOrder;
  settle(report: Exclude<DiskOrderReport, { state: 'running' }>): void;
}

export function createOrderDesk(): OrderDesk {
  const standing = new Map<string, Standing>();
  let waiting: (() => void)[] = [];

  const changed = (): void => {
    const wake = waiting;
    waiting = [];
    for (const each of wake) each();
  };

  const place: OrderDesk['place'] = async (order, options) => {
    options.signal.throwIfAborted();
    try {
      return await new Promise<DiskOrderResult>((resolve, reject) => {
        const giveUp = (): void => reject(asError(options.signal.reason));
        options.signal.addEventListener('abort', giveUp, { once: true });
        const settle: Standing['settle'] = (report) => {
          options.signal.removeEventListener('abort', giveUp);
          if (report.state === 'done') resolve(report.result);
          else reject(new RefusedError(report.refusal));
        };
        standing.set(order.id, { ...options, order, settle });
        changed();
      });
    } finally {
      standing.delete(order.id);
      changed();
    }
  };

  const take = (report: DiskOrderReport): void => {
    const found = standing.get(report.order);
    if (found === undefined) return;
    if (report.state === 'running') return found.progress(report.done, report.total);
    standing.delete(report.order);
    found.settle(report);
  };

  const isKnown = (known: readonly string[]): boolean =>
    known.length === standing.size && known.every((id) => standing.has(id));

  const exchange: OrderDesk['exchange'] = async (known, reports, signal) => {
    reports.forEach(take);
    if (isKnown(known) && !signal.aborted) {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    return [...standing.values()].map(({ order }) => order);
  };

  return { place, exchange };
}

const asError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));
