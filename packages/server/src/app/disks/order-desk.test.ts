import { refusal, RefusedError } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import { createOrderDesk } from './order-desk.js';
import type { DiskOrder } from './orders.js';

const order: DiskOrder = { id: 'job_1', work: { kind: 'flatten', disk: 'dsk_1' } };
const none = new AbortController().signal;
const quiet = { signal: none, progress: () => undefined };

describe('the desk for orders about disks', () => {
  it('gives an order to who waits for one, and its result to who placed it', async () => {
    const desk = createOrderDesk();
    const waiting = desk.exchange([], [], none);
    const placed = desk.place(order, quiet);
    expect(await waiting).toEqual([order]);
    const next = desk.exchange(['job_1'], [{ order: 'job_1', state: 'done', result: { facts: null } }], none);
    expect(await placed).toEqual({ facts: null });
    expect(await next).toEqual([]);
  });

  it('tells progress, and a refusal as it is', async () => {
    const desk = createOrderDesk();
    const told: [number, number | null][] = [];
    const placed = desk.place(order, { ...quiet, progress: (done, total) => told.push([done, total]) });
    await desk.exchange([], [{ order: 'job_1', state: 'running', done: 3, total: 9 }], none);
    const refused = refusal('disk.broken', 'It is damaged.');
    void desk.exchange(['job_1'], [{ order: 'job_1', state: 'refused', refusal: refused }], none);
    await expect(placed).rejects.toThrow(RefusedError);
    expect(told).toEqual([[3, 9]]);
  });

  it('takes an order back that is given up, and reports of what does not stand', async () => {
    const desk = createOrderDesk();
    const cancel = new AbortController();
    const placed = desk.place(order, { ...quiet, signal: cancel.signal });
    placed.catch(() => undefined);
    expect(await desk.exchange([], [{ order: 'job_0', state: 'done', result: { facts: null } }], none)).toEqual([
      order,
    ]);
    const next = desk.exchange(['job_1'], [], none);
    cancel.abort(new Error('cancelled'));
    await expect(placed).rejects.toThrow('cancelled');
    expect(await next).toEqual([]);
  });

  it('answers at once whoever knows of other orders, and in the end everybody', async () => {
    const desk = createOrderDesk();
    expect(await desk.exchange(['job_9'], [], none)).toEqual([]);
    const enough = new AbortController();
    const waiting = desk.exchange([], [], enough.signal);
    enough.abort();
    expect(await waiting).toEqual([]);
  });
});
