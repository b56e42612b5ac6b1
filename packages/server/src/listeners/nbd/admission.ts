/** Limits on connections at once. */
export interface ConnectionLimits {
  readonly handshakesPerAddress: number;
  readonly handshakes: number;
  readonly connectionsPerAddress: number;
  readonly connections: number;
}

/** A connection that was let in. */
export interface Admitted {
  /** Its handshake is over. */
  served(): void;
  /** It is gone. */
  released(): void;
}

export interface ConnectionAdmission {
  /** Lets a connection in, or says why not. */
  admit(address: string): Admitted | string;
  active(): { readonly handshakes: number; readonly serving: number };
}

interface Count {
  handshakes: number;
  connections: number;
}

/** Counts connections by address, those in their handshake apart: they have shown nothing yet that lets them in. */
export function createConnectionAdmission(limits: ConnectionLimits): ConnectionAdmission {
  const all: Count = { handshakes: 0, connections: 0 };
  const byAddress = new Map<string, Count>();

  const refusal = (own: Count): string | undefined => {
    if (all.connections >= limits.connections) return `the server has ${limits.connections} connections`;
    if (all.handshakes >= limits.handshakes) return `the server has ${limits.handshakes} handshakes under way`;
    if (own.connections >= limits.connectionsPerAddress) return `this address has ${own.connections} connections`;
    if (own.handshakes >= limits.handshakesPerAddress) return `this address has ${own.handshakes} handshakes under way`;
    return undefined;
  };

  return {
    admit(address) {
      const own = byAddress.get(address) ?? { handshakes: 0, connections: 0 };
      const refused = refusal(own);
      if (refused !== undefined) return refused;
      byAddress.set(address, own);
      let handshake = true;
      const add = (handshakes: number, connections: number): void => {
        for (const count of [all, own]) {
          count.handshakes += handshakes;
          count.connections += connections;
        }
      };
      const served = (): void => {
        if (handshake) add(-1, 0);
        handshake = false;
      };
      add(1, 1);
      return {
        served,
        released: () => {
          served();
          add(0, -1);
          if (own.connections === 0) byAddress.delete(address);
        },
      };
    },
    active: () => ({ handshakes: all.handshakes, serving: all.connections - all.handshakes }),
  };
}
