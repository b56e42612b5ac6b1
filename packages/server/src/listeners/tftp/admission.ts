/** Limits on what clients may ask for at once. */
export interface AdmissionLimits {
  readonly transfersPerClient: number;
  readonly transfers: number;
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
}

export interface Admission {
  /** May this client begin another transfer at `now` (ms)? Counts it if so; otherwise says why not. */
  admit(client: string, now: number): string | undefined;
  /** A transfer that was admitted is over. */
  release(client: string): void;
  /** Forgets clients that are idle and have their whole burst again. */
  sweep(now: number): void;
  active(): number;
}

interface ClientCount {
  active: number;
  tokens: number;
  refilledAt: number;
}

/** A token bucket and a count for each client address, and a count of all. Addresses can be forged: the table is capped. */
export function createAdmission(limits: AdmissionLimits, maxClients = 16_384): Admission {
  const clients = new Map<string, ClientCount>();
  let active = 0;

  const refill = (count: ClientCount, now: number): void => {
    const earned = ((now - count.refilledAt) / 1000) * limits.requestsPerSecond;
    count.tokens = Math.min(limits.requestBurst, count.tokens + Math.max(0, earned));
    count.refilledAt = now;
  };
  const find = (client: string, now: number): ClientCount | undefined => {
    const known = clients.get(client);
    if (known) return known;
    if (clients.size >= maxClients) return undefined;
    const fresh = { active: 0, tokens: limits.requestBurst, refilledAt: now };
    clients.set(client, fresh);
    return fresh;
  };

  return {
    admit(client, now) {
      if (active >= limits.transfers) return `the server has ${limits.transfers} transfers running; try again`;
      const count = find(client, now);
      if (!count) return 'the server has too many clients; try again';
      if (count.active >= limits.transfersPerClient) {
        return `this address has ${limits.transfersPerClient} transfers running; let one end first`;
      }
      refill(count, now);
      if (count.tokens < 1)
        return `more than ${limits.requestsPerSecond} requests a second from this address; slow down`;
      count.tokens -= 1;
      count.active += 1;
      active += 1;
      return undefined;
    },
    release(client) {
      const count = clients.get(client);
      if (!count) return;
      count.active -= 1;
      active -= 1;
    },
    sweep(now) {
      for (const [client, count] of clients) {
        if (count.active > 0) continue;
        refill(count, now);
        if (count.tokens >= limits.requestBurst) clients.delete(client);
      }
    },
    active: () => active,
  };
}
