import { describe, expect, it } from 'vitest';
import { settingsOf } from './settings.js';

const file = { drover: { url: 'http://drover:8080', key: 'of the file' }, agent: { mbus: 'nats://file', ntp: ['a'] } };

describe('settings of a call', () => {
  it('are those of the file', () => {
    expect(settingsOf({ director_uuid: 'u' }, file)).toMatchObject({ ...file, create_vm_seconds: 1800 });
  });
  it('are those of the CPI config before, section by section', () => {
    const drover = { url: 'http://other:8080', key: 'of the context' };
    expect(settingsOf({ drover, create_vm_seconds: 600 }, file)).toMatchObject({
      ...{ drover, agent: file.agent, create_vm_seconds: 600 },
    });
    expect(settingsOf({ drover, agent: { mbus: 'nats://context' } }, file).agent).toEqual({
      mbus: 'nats://context',
      ntp: [],
    });
  });
  it('of the old CPI have an address of Bakery, with the key in it or that of the file', () => {
    expect(settingsOf({ url: 'http://x:8080/k/a%2Bb/api/v1' }, undefined).drover).toEqual({
      url: 'http://x:8080',
      key: 'a+b',
    });
    expect(settingsOf({ url: 'http://drover:8080/api/v1/' }, file).drover).toEqual(file.drover);
  });
  it('do not take the key of the file to another server', () => {
    expect(() => settingsOf({ url: 'http://evil:8080/api/v1' }, file)).toThrow('settings.drover.key');
    expect(() => settingsOf({ drover: { url: 'http://drover:8081' } }, file)).toThrow('settings.drover.key');
  });
  it.each([
    [{}, 'drover.url'],
    [{ drover: { url: 'ftp://x', key: 'k' } }, 'settings.drover.url'],
    [{ ...file, create_vm_seconds: 1 }, 'settings.create_vm_seconds'],
    [{ ...file, agent: { ntp: 'a' } }, 'settings.agent.ntp'],
  ])('%j are refused by name', (context, what) => {
    expect(() => settingsOf(context, undefined)).toThrow(what);
  });
});
