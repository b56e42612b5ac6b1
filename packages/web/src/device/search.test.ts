import { describe, expect, it } from 'vitest';
import { readDeviceSearch, searchOf, tabAfter } from './search.js';

describe('the address of a board', () => {
  it('says which part is shown, and of which boot', () => {
    expect(readDeviceSearch({ tab: 'disks' })).toEqual({ tab: 'disks' });
    expect(readDeviceSearch({ tab: 'console', session: 'ses_1' })).toEqual({ tab: 'console', session: 'ses_1' });
  });

  it('is short for the first part, and leaves out what makes no sense', () => {
    expect(readDeviceSearch({ tab: 'boot' })).toEqual({});
    expect(readDeviceSearch({ tab: 'nothing', session: 7 })).toEqual({});
    expect(readDeviceSearch({ tab: ['disks'], session: '' })).toEqual({});
  });

  it('keeps the boot from part to part', () => {
    expect(searchOf('boot', 'ses_1')).toEqual({ session: 'ses_1' });
    expect(searchOf('power', undefined)).toEqual({ tab: 'power' });
  });
});

describe('the keyboard', () => {
  it('goes round with arrows, and to the ends', () => {
    expect(tabAfter('ArrowRight', 'boot')).toBe('disks');
    expect(tabAfter('ArrowRight', 'console')).toBe('boot');
    expect(tabAfter('ArrowLeft', 'boot')).toBe('console');
    expect(tabAfter('Home', 'power')).toBe('boot');
    expect(tabAfter('End', 'boot')).toBe('console');
  });

  it('leaves other keys alone', () => {
    expect(tabAfter('ArrowDown', 'boot')).toBeUndefined();
    expect(tabAfter('toString', 'boot')).toBeUndefined();
  });
});
