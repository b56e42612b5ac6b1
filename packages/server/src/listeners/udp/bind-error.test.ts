import { describe, expect, it } from 'vitest';
import { explainBindError } from './bind-error.js';

const systemError = (code: string): Error => Object.assign(new Error(`bind ${code}`), { code });

describe('a socket that cannot be bound', () => {
  it('names the right that ports below 1024 need', () => {
    const error = explainBindError(systemError('EACCES'), 'TFTP', '10.0.0.1', 69, '');
    expect(error.message).toMatch(/TFTP may not listen on 10.0.0.1 port 69\/udp.*CAP_NET_BIND_SERVICE/);
    expect(error).toMatchObject({ code: 'EACCES', cause: { code: 'EACCES' } });
  });

  it('says what to do about a port that is taken', () => {
    const error = explainBindError(systemError('EADDRINUSE'), 'DHCP', '0.0.0.0', 0, 'Stop the other one.');
    expect(error.message).toMatch(/held by|holds it/);
    expect(error.message).toMatch(/Stop the other one\.$/);
  });

  it('names an address that is not there', () => {
    expect(explainBindError(systemError('EADDRNOTAVAIL'), 'TFTP', '10.9.9.9', 69, '').message).toMatch(
      /10.9.9.9.*interface/,
    );
  });
});
