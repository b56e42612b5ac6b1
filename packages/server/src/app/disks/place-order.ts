import type { JobContext } from '../jobs/handler.js';
import type { OrderDesk } from './order-desk.js';
import type { DiskOrder, DiskOrderResult } from './orders.js';

/** Has the boot plane carry something out for a job, and shows how far it is. */
export const placeOrder = (
  desk: OrderDesk,
  context: JobContext,
  id: string,
  work: DiskOrder['work'],
): Promise<DiskOrderResult> => {
  context.progress({ step: 'wait for the boot plane', done: 0, total: null, unit: 'bytes' });
  return desk.place(
    { id, work },
    {
      signal: context.signal,
      progress: (done, total) => context.progress({ step: work.kind, done, total, unit: 'bytes' }),
    },
  );
};
