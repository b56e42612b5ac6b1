import { describe, expect, it } from 'vitest';
import { createConnectionAdmission, type Admitted } from './admission.js';

const limits = { handshakesPerAddress: 2, handshakes: 3, connectionsPerAddress: 4, connections: 6 };

function admitted(result: Admitted | string): Admitted {
  if (typeof result === 'string') throw new Error(result);
  return result;
}

describe('letting connections in', () => {
  it('bounds handshakes of one address and of all, and says which', () => {
    const admission = createConnectionAdmission(limits);
    const [first] = [admitted(admission.admit('a')), admitted(admission.admit('a'))];
    expect(admission.admit('a')).toMatch(/this address has 2 handshakes/);
    admitted(admission.admit('b'));
    expect(admission.admit('c')).toMatch(/the server has 3 handshakes/);
    first.served();
    expect(admission.active()).toEqual({ handshakes: 2, serving: 1 });
    admitted(admission.admit('c'));
  });

  it('bounds connections of one address and of all', () => {
    const admission = createConnectionAdmission(limits);
    const serve = (address: string): Admitted => {
      const one = admitted(admission.admit(address));
      one.served();
      return one;
    };
    const own = Array.from({ length: 4 }, () => serve('a'));
    expect(admission.admit('a')).toMatch(/this address has 4 connections/);
    serve('b');
    serve('b');
    expect(admission.admit('c')).toMatch(/the server has 6 connections/);
    own[0]!.released();
    serve('a');
    expect(admission.active()).toEqual({ handshakes: 0, serving: 6 });
  });

  it('counts a connection that is gone once, whatever it had reached', () => {
    const admission = createConnectionAdmission(limits);
    const one = admitted(admission.admit('a'));
    one.served();
    one.served();
    one.released();
    admitted(admission.admit('a')).released();
    expect(admission.active()).toEqual({ handshakes: 0, serving: 0 });
  });
});
