import { describe, expect, it } from 'vitest';
import { deviceStates } from '@drover/contract';
import { allowAction, deviceActions, nextState } from './device.js';

describe('the state machine of a device', () => {
  it('is this table', () => {
    const table = Object.fromEntries(
      deviceActions.map((action) => [
        action,
        deviceStates
          .filter((state) => nextState(action, state) !== undefined)
          .map((state) => `${state} -> ${nextState(action, state) ?? ''}`),
      ]),
    );
    expect(table).toEqual({
      adopt: ['discovered -> available'],
      provision: ['available -> preparing'],
      reimage: ['preparing -> preparing', 'in-use -> preparing', 'failed -> preparing'],
      ready: ['preparing -> in-use'],
      fail: ['preparing -> failed'],
      lease: ['preparing -> preparing', 'in-use -> in-use', 'failed -> failed'],
      release: ['preparing -> releasing', 'in-use -> releasing', 'failed -> releasing'],
      freed: ['releasing -> available'],
      update: [
        'available -> available',
        'preparing -> preparing',
        'in-use -> in-use',
        'releasing -> releasing',
        'failed -> failed',
      ],
      delete: ['discovered -> gone', 'available -> gone', 'failed -> gone'],
    });
  });

  it('names the state and the remedy in every refusal', () => {
    for (const action of deviceActions) {
      for (const state of deviceStates) {
        const result = allowAction(action, { name: 'pi-1', state });
        if (result.ok) continue;
        expect(result.code).toBe('device.state');
        expect(result.detail).toContain(`pi-1 is ${state}`);
        expect(result.remedy).toMatch(/\.$|pi-1/);
      }
    }
  });

  it('tells what to do instead', () => {
    const remedy = (action: (typeof deviceActions)[number], state: (typeof deviceStates)[number]): string => {
      const result = allowAction(action, { name: 'pi-1', state });
      return result.ok ? '' : (result.remedy ?? '');
    };
    expect(remedy('provision', 'discovered')).toContain('drover device adopt pi-1');
    expect(remedy('provision', 'in-use')).toContain('drover reimage pi-1');
    expect(remedy('delete', 'in-use')).toContain('drover release pi-1');
    expect(remedy('reimage', 'available')).toContain('drover provision --device pi-1');
    expect(remedy('release', 'available')).toContain('free already');
  });
});
