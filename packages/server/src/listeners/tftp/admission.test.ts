import { describe, expect, it } from 'vitest';
import { createAdmission } from './admission.js';

const limits = { transfersPerClient: 3, transfers: 5, requestsPerSecond: 2, requestBurst: 4 };

describe('letting requests in', () => {
  it('bounds the transfers of one client and of all, and says which', () => {
    const admission = createAdmission(limits);
    for (let i = 0; i < 3; i += 1) expect(admission.admit('a', 0)).toBeUndefined();
    expect(admission.admit('a', 0)).toMatch(/this address has 3 transfers/);
    for (const client of ['b', 'c']) expect(admission.admit(client, 0)).toBeUndefined();
    expect(admission.admit('d', 0)).toMatch(/the server has 5 transfers/);
    admission.release('a');
    expect(admission.admit('d', 0)).toBeUndefined();
    expect(admission.active()).toBe(5);
  });

  it('lets a burst through, then so many a second', () => {
    const admission = createAdmission(limits);
    const ask = (now: number) => {
      const refusal = admission.admit('a', now);
      if (refusal === undefined) admission.release('a');
      return refusal;
    };
    for (let i = 0; i < 4; i += 1) expect(ask(0)).toBeUndefined();
    expect(ask(0)).toMatch(/more than 2 requests a second/);
    expect(ask(499)).toBeDefined();
    expect(ask(1000)).toBeUndefined();
    expect(ask(1000)).toBeUndefined();
    expect(ask(1000)).toBeDefined();
  });

  it('forgets idle clients, keeps busy ones, and bounds how many it knows', () => {
    const admission = createAdmission({ ...limits, transfers: 100 }, 2);
    admission.admit('idle', 0);
    admission.release('idle');
    admission.admit('busy', 0);
    expect(admission.admit('third', 0)).toMatch(/too many clients/);
    admission.sweep(60_000);
    expect(admission.admit('third', 60_000)).toBeUndefined();
    expect(admission.active()).toBe(2);
  });
});
