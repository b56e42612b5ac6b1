import { describe, expect, it } from 'vitest';
import { answer, type Carry } from './dispatch.js';
import { CpiFailure } from './failure.js';
import { createLog } from './log.js';
import { parseRequest } from './request.js';

describe('a request', () => {
  it('of version 1 has no version, and perhaps no context', () => {
    expect(parseRequest('{"method":"has_vm","arguments":["a"]}')).toEqual({
      ...{ method: 'has_vm', arguments: ['a'], context: {}, apiVersion: 1 },
    });
    expect(parseRequest('{"method":"info","arguments":[],"context":null}').context).toEqual({});
  });
  it('of version 2 says so, and its context has whatever it has', () => {
    const context = { director_uuid: 'u', request_id: 'cpi-1', vm: { stemcell: { api_version: 2 } }, more: [1] };
    const text = JSON.stringify({ method: 'has_vm', arguments: ['a'], context, api_version: 2 });
    expect(parseRequest(text)).toMatchObject({ context, apiVersion: 2 });
  });
  it.each([
    ['{', 'is not JSON'],
    ['null', 'is not a JSON object'],
    ['{"arguments":[]}', 'has no method'],
    ['{"method":"","arguments":[]}', 'has no method'],
    ['{"method":"info"}', 'has no list of arguments'],
    ['{"method":"info","arguments":[],"context":[]}', 'has a context that is not an object'],
    ['{"method":"info","arguments":[],"api_version":"2"}', 'has an api_version'],
  ])('%s %s', (text, why) => {
    expect(() => parseRequest(text)).toThrow(why);
  });
});

describe('an answer', () => {
  const ask = async (carry: Carry, text = '{"method":"do_it","arguments":[]}') => {
    let told = '';
    const log = createLog((more) => (told += more));
    const explain = async (error: unknown) => new CpiFailure('CloudError', `explained: ${String(error)}`);
    return { ...(await answer(text, { log, methods: { do_it: carry }, explain, now: () => 0 })), told };
  };
  it('has a result and a log, and null where there is nothing to tell', async () => {
    const said = await ask(async (_request, log) => log.say('two\nlines'));
    expect(said).toMatchObject({ result: null, error: null, log: 'two lines\ndo_it: done in 0 ms\n' });
    expect(said.told).toBe(said.log);
    expect((await ask(async () => false)).result).toBe(false);
  });
  it('has an error of a type of the contract, whatever was thrown', async () => {
    const failing = await ask(async () => {
      throw new CpiFailure('DiskNotFound', 'no such disk', { okToRetry: true });
    });
    const error = { type: 'Bosh::Clouds::DiskNotFound', message: 'no such disk', ok_to_retry: true };
    expect(failing).toMatchObject({ result: null, error });
    const faulty = await ask(async () => {
      throw new TypeError('x is not y');
    });
    expect(faulty.error).toMatchObject({
      type: 'Bosh::Clouds::CloudError',
      message: 'explained: TypeError: x is not y',
    });
  });
  it('to an unknown method is NotImplemented, also where an object would have one of that name', async () => {
    for (const method of ['none', 'constructor', '__proto__'])
      expect((await ask(async () => 1, JSON.stringify({ method, arguments: [] }))).error?.type).toBe(
        'Bosh::Clouds::NotImplemented',
      );
  });
});
