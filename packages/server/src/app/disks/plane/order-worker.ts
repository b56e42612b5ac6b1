import { refusal, RefusedError } from '@drover/contract';
import type { Log, Service } from '../../ports.js';
import type { DiskOrder, DiskOrderReport, DiskOrderResult } from '../orders.js';
import type { BoardDisks } from './board-disks.js';
import type { Exports } from './exports.js';
import type { DirectoryWork } from '../../nfs/plane/directory-work.js';
import type { DiskPool, FlattenProgress } from '../pool.js';

export interface OrderWorkerDeps {
  /**
   * Hands in reports and gives all orders that stand. `known`: those that were given last; while nothing else stands it may wait a while. Rejects while the
   * control plane is away.
   */
  readonly exchange: (
    known: readonly string[],
    reports: readonly DiskOrderReport[],
    signal: AbortSignal,
  ) => Promise<readonly DiskOrder[]>;
  readonly pool: DiskPool;
  /** Does it while nobody has the disk. */
  readonly withoutDisk: Exports['withoutDisk'];
  readonly attachments: Pick<BoardDisks, 'refresh' | 'letGo' | 'forget'>;
  /** Whether the board of a device answers just now. */
  readonly challenge: (device: string) => Promise<boolean>;
  /** Undefined where nobody serves directories. */
  readonly directories?: DirectoryWork | undefined;
  readonly log: Log;
  /** Resolves after so many ms, or when the signal is aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly retryMs?: number;
  /** How long an answer that brings nothing new keeps it from asking again. */
  readonly idleMs?: number;
}

interface UnderWay {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Carries out orders about disks. Both planes may end at any moment: an order stands until its report has arrived, and is begun anew until then. An order
 * that no longer stands was cancelled.
 */
export function createOrderWorker(deps: OrderWorkerDeps): Service {
  const { log, retryMs = 1_000, idleMs = 100 } = deps;
  const underWay = new Map<string, UnderWay>();
  /** The latest of each order that was not handed in. */
  const reports = new Map<string, DiskOrderReport>();
  const stopping = new AbortController();
  let known: readonly string[] = [];
  /** The control plane was away: what it wanted to say meanwhile may not be said again. */
  let wasAway = false;
  let looping: Promise<void> | undefined;
  /** Ends the call that waits for orders, because there is something to say. */
  let nudge = new AbortController();

  const report = (what: DiskOrderReport): void => {
    reports.set(what.order, what);
    if (what.state !== 'running') nudge.abort();
  };

  const begin = ({ id, work }: DiskOrder): void => {
    const abort = new AbortController();
    const progress = (done: number, total: number): void => report({ order: id, state: 'running', done, total });
    const ended = carryOut(deps, work, { signal: abort.signal, progress })
      .then((result): DiskOrderReport => ({ order: id, state: 'done', result }))
      .catch((error: unknown) => (abort.signal.aborted ? undefined : refusedReport(id, work, error, log)))
      .then((last) => {
        underWay.delete(id);
        if (last !== undefined) report(last);
      });
    underWay.set(id, { abort, ended });
  };

  const follow = (orders: readonly DiskOrder[]): void => {
    const standing = new Set(orders.map(({ id }) => id));
    for (const [id, { abort }] of underWay) if (!standing.has(id)) abort.abort();
    for (const order of orders) {
      const said = reports.get(order.id);
      const isSettled = said !== undefined && said.state !== 'running';
      if (!underWay.has(order.id) && !isSettled) begin(order);
    }
  };

  const turn = async (): Promise<void> => {
    const handedIn = [...reports.values()];
    nudge = new AbortController();
    const signal = AbortSignal.any([stopping.signal, nudge.signal]);
    try {
      const orders = await deps.exchange(known, handedIn, signal);
      if (wasAway) deps.attachments.forget();
      wasAway = false;
      const isNews = orders.length !== known.length || orders.some(({ id }) => !known.includes(id));
      known = orders.map(({ id }) => id);
      for (const each of handedIn) if (reports.get(each.order) === each) reports.delete(each.order);
      follow(orders);
      // Whoever answers at once instead of waiting must not be asked without end; nor is every step of a progress worth a call.
      if (!isNews) await deps.pause(idleMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      log.debug({ err: error }, 'orders about disks could not be asked for');
      wasAway = true;
      await deps.pause(retryMs, stopping.signal);
    }
  };

  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) await turn();
  };

  return {
    start: async () => {
      looping = loop();
    },
    stop: async () => {
      stopping.abort();
      await looping;
      for (const { abort } of underWay.values()) abort.abort();
      await Promise.all([...underWay.values()].map(({ ended }) => ended));
    },
  };
}

async function carryOut(
  { pool, withoutDisk, attachments, challenge, directories }: OrderWorkerDeps,
  work: DiskOrder['work'],
  options: FlattenProgress,
): Promise<DiskOrderResult> {
  switch (work.kind) {
    case 'create':
      if (work.plan.kind === 'directory') {
        if (directories === undefined) throw new RefusedError(noDirectories);
        return { facts: null, directory: await directories.create(work.plan, options) };
      }
      await pool.create(work.plan, options);
      return { growth: await pool.growRoot(work.plan.disk), facts: await pool.facts(work.plan.disk) };
    case 'snapshot':
      await pool.snapshot(work.disk, work.snapshot);
      return { facts: await pool.facts(work.disk) };
    case 'forget-snapshot':
      await pool.forgetSnapshot(work.disk, work.snapshot);
      return { facts: await pool.facts(work.disk) };
    case 'resize':
      // Ends what a crash may have left half done, while it can be found from the old end.
      await pool.growRoot(work.disk);
      await pool.resize(work.disk, work.size);
      return { growth: await pool.growRoot(work.disk), facts: await pool.facts(work.disk) };
    case 'flatten':
      await pool.flatten(work.disk, options);
      return { facts: await pool.facts(work.disk) };
    case 'check':
      return { reports: await pool.check(work.disk), facts: await pool.facts(work.disk) };
    case 'backup': {
      const content = await pool.backup(work.disk, work.backup, work.format, options);
      return { content, facts: await pool.facts(work.disk) };
    }
    case 'drop-backup':
      await pool.dropBackup(work.disk, work.backup);
      return { facts: null };
    case 'attach':
      await attachments.refresh(work.device);
      await directories?.refresh(work.device);
      return { facts: null };
    case 'detach':
      await attachments.letGo(work.disk, work.device, work.force, options.signal);
      await directories?.withdraw(work.disk, work.device);
      return { facts: null };
    case 'challenge':
      return { facts: null, isAlive: await challenge(work.device) };
    case 'refresh':
      await attachments.refresh(work.device);
      return { facts: null };
    case 'remove':
      if (directories?.has(work.disk) === true) {
        await directories.remove(work.disk);
        return { facts: null };
      }
      await withoutDisk(work.disk, 'the disk was deleted', () => pool.remove(work.disk, { withSnapshots: true }));
      return { facts: null };
  }
}

const noDirectories = refusal('disk.invalid', 'This server serves no directories: the setting nfs.driver is off.', {
  remedy: 'Set nfs.driver to kernel or ganesha (docs/how-to/nfs-root.md), or use root mode nbd.',
});

function refusedReport(order: string, work: DiskOrder['work'], error: unknown, log: Log): DiskOrderReport {
  if (error instanceof RefusedError) return { order, state: 'refused', refusal: error.refusal };
  log.error({ err: error, order, work: work.kind }, 'an order about a disk failed');
  const what = refusal('server.fault', `The disk could not be changed (${work.kind}).`, {
    remedy: 'See the log of the boot plane.',
  });
  return { order, state: 'refused', refusal: what };
}
