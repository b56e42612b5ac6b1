import { isIP, type LookupFunction } from 'node:net';

/** What keeps a console from leading to this machine itself. */
export interface ConsoleGuard {
  /** Whether an address is one that only this machine or its link may mean. */
  readonly isInnermost: (address: string) => boolean;
  /** Resolves a name, and refuses one that leads there. */
  readonly lookup: LookupFunction;
}

/**
 * The address of a host, looked at before anything connects to it.
 * @throws Error for one that may not be, and for a name that has none
 */
export function addressOf(host: string, guard: ConsoleGuard): Promise<string> {
  if (isIP(host) !== 0) {
    if (guard.isInnermost(host)) return Promise.reject(new Error(`${host} is this machine or its link`));
    return Promise.resolve(host);
  }
  return new Promise((resolve, reject) => {
    guard.lookup(host, { all: false }, (error, address) => {
      if (error !== null) reject(error);
      else if (typeof address === 'string' && isIP(address) !== 0) resolve(address);
      else reject(new Error(`${host} has no address`));
    });
  });
}
