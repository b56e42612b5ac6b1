import { describe, expect, it } from 'vitest';
import { createRates } from './rates.js';

const reading = (at: number, bytes: number) => ({ at, counts: { bytes } });

describe('rates of counters', () => {
  it('are what was counted by the time between two readings', () => {
    const rates = createRates();
    expect(rates(reading(1000, 500))).toEqual({});
    expect(rates(reading(6000, 1500))).toEqual({ bytes: 200 });
    expect(rates(reading(8000, 1500))).toEqual({ bytes: 0 });
  });

  it('go on when a counter began anew at 0', () => {
    const rates = createRates();
    rates(reading(1000, 90_000));
    expect(rates(reading(2000, 300))).toEqual({ bytes: 300 });
  });

  it('say again what they said when nothing new was read', () => {
    const rates = createRates();
    rates(reading(1000, 0));
    rates(reading(2000, 100));
    expect(rates(reading(2000, 100))).toEqual({ bytes: 100 });
  });

  it('are not known while nobody counts, nor when the clock was set back', () => {
    const rates = createRates();
    rates(reading(5000, 0));
    expect(rates(undefined)).toEqual({});
    expect(rates(reading(6000, 10))).toEqual({ bytes: 10 });
    expect(rates(reading(4000, 20))).toEqual({});
    expect(rates(reading(5000, 25))).toEqual({ bytes: 5 });
  });

  it('count a name that came later from 0', () => {
    const rates = createRates();
    rates({ at: 0, counts: {} });
    expect(rates({ at: 1000, counts: { late: 7 } })).toEqual({ late: 7 });
  });
});
