import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { check } from '../test/support/runs.js';
import { readParameters } from './runtime-parameters.js';

const secret = '0123456789abcdef0123456789abcdef';
const line = (more = '', url = 'http://10.0.0.1:8081') =>
  `console=ttyS0 drover.url=${url} drover.session=bs_1 drover.secret=${secret} ${more}`;

describe('the runtime’s kernel parameters', () => {
  it('are taken from the command line, the last of each', () => {
    expect(readParameters(line('drover.session=bs_2 drover.patience=20 panic=-1'))).toEqual({
      ok: true,
      parameters: { host: '10.0.0.1', port: 8081, base: '', session: 'bs_2', secret, patience: 20, panic: -1 },
    });
    expect(readParameters(line('drover.patience=soon panic', 'http://10.0.0.1/base/'))).toMatchObject({
      parameters: { port: 80, base: '/base', patience: 120, panic: 0 },
    });
  });

  it.each([
    [line('', 'https://10.0.0.1'), 'drover.url'],
    [line('', 'http://10.0.0.1:99999'), 'drover.url'],
    [line('', 'http://a$(id)'), 'drover.url'],
    ['console=ttyS0', 'drover.url'],
    [`drover.url=http://a drover.secret=${secret}`, 'drover.session'],
    [line('drover.secret=none'), 'drover.secret'],
  ])('%j: a board cannot go on', (text, what) => {
    const read = readParameters(text);
    expect(read.ok ? '' : read.why).toContain(what);
  });

  it('are read from any line without a fault', () => {
    check(
      'command lines',
      500,
      fc.property(fc.string({ maxLength: 300 }), (text) => {
        expect(readParameters(`${line()} ${text}`)).toHaveProperty('ok');
        expect(readParameters(text).ok).toBe(false);
      }),
    );
  });
});
